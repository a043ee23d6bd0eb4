import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import type { CelInput, CelResult } from '@bufbuild/cel';
import { isObject, jsonEqual } from '../object.ts';
import { canonical, mapKeyOf } from '../schema/list-types.ts';
import { isDeclared, propertySchema } from '../schema/schema.ts';
import type { Schema, ValidationRule } from '../schema/schema.ts';
import { fieldOf } from '../schema/validate.ts';
import type { FieldError } from '../status-error.ts';
import { kubernetesFunctions, re2 } from './functions.ts';
import { celValue } from './values.ts';

type Program = (bindings: Record<string, CelInput>) => CelResult;

interface CompiledRule {
  rule: ValidationRule;
  program: Program;
  message: Program | undefined;
  /** Uses oldSelf: runs on updates only. */
  transition: boolean;
}

const env = celEnv({ funcs: kubernetesFunctions, re2 });

function compileExpression(expression: string): Program {
  return plan(env, parse(expression)) as Program;
}

function compileRule(rule: ValidationRule): CompiledRule {
  return {
    rule,
    program: compileExpression(rule.rule),
    message: rule.messageExpression === undefined ? undefined : compileExpression(rule.messageExpression),
    transition: /\boldSelf\b/.test(rule.rule),
  };
}

/** Compile errors of every rule of a schema, with the path of the rule inside the schema. */
export function ruleErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  (schema['x-kubernetes-validations'] ?? []).forEach((rule, i) => {
    const field = `${path}.x-kubernetes-validations[${i}].rule`;
    try {
      if (rule.optionalOldSelf === true) throw new Error('optionalOldSelf is not supported by the embedded API');
      compileRule(rule);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      errors.push({
        field,
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${JSON.stringify(rule.rule)}: compilation failed: ERROR: ${why}`,
      });
    }
  });
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    errors.push(...ruleErrors(property, `${path}.properties[${key}]`));
  }
  if (typeof schema.additionalProperties === 'object') {
    errors.push(...ruleErrors(schema.additionalProperties, `${path}.additionalProperties`));
  }
  if (schema.items !== undefined) errors.push(...ruleErrors(schema.items, `${path}.items`));
  return errors;
}

/** Evaluates the CEL rules of one schema. Rules are compiled once, when first met. */
export class RuleSet {
  private readonly schema: Schema;
  private readonly compiled = new Map<Schema, CompiledRule[]>();
  private readonly within = new Map<Schema, boolean>();

  constructor(schema: Schema) {
    this.schema = schema;
  }

  /** Findings of all rules; `old` is undefined on create. */
  check(value: unknown, old: unknown): FieldError[] {
    const errors: FieldError[] = [];
    this.walk({ value, old, schema: this.schema, path: [], errors });
    return errors;
  }

  private rules(schema: Schema): CompiledRule[] {
    let rules = this.compiled.get(schema);
    if (rules === undefined) {
      rules = (schema['x-kubernetes-validations'] ?? []).map(compileRule);
      this.compiled.set(schema, rules);
    }
    return rules;
  }

  private hasRules(schema: Schema): boolean {
    let has = this.within.get(schema);
    if (has === undefined) {
      const children = [...Object.values(schema.properties ?? {})];
      if (schema.items !== undefined) children.push(schema.items);
      if (typeof schema.additionalProperties === 'object') children.push(schema.additionalProperties);
      has = (schema['x-kubernetes-validations']?.length ?? 0) > 0 || children.some((child) => this.hasRules(child));
      this.within.set(schema, has);
    }
    return has;
  }

  private walk(at: At): void {
    const { schema, value } = at;
    if (schema === undefined || value === null || value === undefined || !this.hasRules(schema)) return;
    const rules = this.rules(schema);
    // An update that leaves the value as it was is not asked again (ratcheting), but transition rules are.
    const same = at.old !== undefined && jsonEqual(at.old, value);
    if (rules.length > 0) {
      const bindings = {
        self: celValue(value, schema),
        oldSelf: at.old === undefined ? null : celValue(at.old, schema),
      };
      for (const rule of rules) {
        if (rule.transition ? at.old !== undefined : !same) this.run(rule, bindings, at);
      }
    }
    if (Array.isArray(value)) {
      value.forEach((item, i) => {
        this.walk({
          ...at,
          value: item,
          old: counterpart(item, at.old, schema),
          schema: schema.items,
          path: [...at.path, i],
        });
      });
    } else if (isObject(value)) {
      for (const key of Object.keys(value)) {
        const old = isObject(at.old) ? at.old[key] : undefined;
        const step = isDeclared(schema, key) ? key : `[${key}]`;
        this.walk({ ...at, value: value[key], old, schema: propertySchema(schema, key), path: [...at.path, step] });
      }
    }
  }

  private run({ rule, program, message }: CompiledRule, bindings: Record<string, CelInput>, at: At): void {
    const result = program(bindings);
    if (result === true) return;
    const field = fieldOf(at.path) + (rule.fieldPath ?? '');
    const shown = `Invalid value: ${JSON.stringify(at.schema?.type ?? '')}: `;
    const add = (text: string, reason: string): void => {
      const where = field === '' ? '<nil>' : field.replace(/^\./, '');
      at.errors.push({ field: where, reason, message: text });
    };
    if (isCelError(result) || typeof result !== 'boolean') {
      const why = isCelError(result) ? result.message : 'the rule does not return a bool';
      add(`${shown}${why} evaluating rule: ${rule.message ?? rule.rule}`, 'FieldValueInvalid');
      return;
    }
    const computed = message?.(bindings);
    const text =
      typeof computed === 'string' && computed.trim() !== '' ? computed : (rule.message ?? `failed rule: ${rule.rule}`);
    switch (rule.reason) {
      case 'FieldValueForbidden':
        return add(`Forbidden: ${text}`, 'FieldValueForbidden');
      case 'FieldValueRequired':
        return add(`Required value: ${text}`, 'FieldValueRequired');
      case 'FieldValueDuplicate':
        return add(`Duplicate value: ${JSON.stringify(at.schema?.type ?? '')}`, 'FieldValueDuplicate');
      default:
        return add(`${shown}${text}`, 'FieldValueInvalid');
    }
  }
}

interface At {
  value: unknown;
  old: unknown;
  schema: Schema | undefined;
  path: (string | number)[];
  errors: FieldError[];
}

/** The old item that corresponds to a new one: only list maps have such. */
function counterpart(item: unknown, old: unknown, schema: Schema): unknown {
  if (schema['x-kubernetes-list-type'] !== 'map' || !Array.isArray(old)) return undefined;
  const id = canonical(mapKeyOf(item, schema));
  return old.find((candidate) => canonical(mapKeyOf(candidate, schema)) === id);
}
