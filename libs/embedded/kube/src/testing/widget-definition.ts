/** A definition that has one field of every sort the suite looks at. */
export function widgetDefinition(group: string): {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: object;
} {
  const text = { type: 'string' };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `widgets.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        plural: 'widgets',
        singular: 'widget',
        kind: 'Widget',
        listKind: 'WidgetList',
        shortNames: ['wd'],
        categories: ['suite'],
      },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            { name: 'Strategy', type: 'string', jsonPath: '.spec.balancing.strategy' },
            { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
            { name: 'Ports', type: 'integer', jsonPath: '.spec.ports[0].port', priority: 1 },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: 'A widget of the suite.',
              required: ['spec'],
              properties: {
                apiVersion: text,
                kind: text,
                metadata: { type: 'object' },
                spec: {
                  type: 'object',
                  description: 'What is wanted.',
                  required: ['selector'],
                  'x-kubernetes-validations': [
                    {
                      rule: '!has(oldSelf.pinned) || (has(self.pinned) && self.pinned == oldSelf.pinned)',
                      message: 'pinned is immutable',
                    },
                  ],
                  properties: {
                    selector: {
                      type: 'object',
                      properties: { matchLabels: { type: 'object', additionalProperties: text } },
                    },
                    ports: {
                      type: 'array',
                      maxItems: 8,
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['port', 'protocol'],
                      items: {
                        type: 'object',
                        required: ['port'],
                        properties: {
                          port: { type: 'integer', minimum: 1, maximum: 65535 },
                          protocol: { type: 'string', default: 'TCP', enum: ['TCP', 'UDP'] },
                          name: { type: 'string', maxLength: 15 },
                        },
                      },
                    },
                    tags: { type: 'array', maxItems: 5, 'x-kubernetes-list-type': 'set', items: text },
                    hosts: { type: 'array', maxItems: 5, items: text },
                    pinned: { type: 'string', maxLength: 20 },
                    name: { type: 'string', minLength: 2, pattern: '^[a-z]+$' },
                    target: { 'x-kubernetes-int-or-string': true },
                    free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
                    nothing: { type: 'string', nullable: true },
                    exact: { type: 'object', 'x-kubernetes-map-type': 'atomic', properties: { a: text, b: text } },
                    window: {
                      type: 'object',
                      properties: { min: { type: 'integer' }, max: { type: 'integer' } },
                      'x-kubernetes-validations': [
                        {
                          rule: '!has(self.min) || !has(self.max) || self.min <= self.max',
                          messageExpression: "'the window is ' + 'empty'",
                          fieldPath: '.min',
                          reason: 'FieldValueForbidden',
                        },
                      ],
                    },
                    balancing: {
                      type: 'object',
                      default: {},
                      description: 'How requests are spread.',
                      'x-kubernetes-validations': [
                        {
                          rule: "!has(self.strategy) || self.strategy != 'weighted' || (has(self.weights) && self.weights.size() > 0)",
                          message: 'weighted needs weights',
                        },
                      ],
                      properties: {
                        strategy: {
                          type: 'string',
                          default: 'round-robin',
                          enum: ['round-robin', 'weighted'],
                          description: 'The strategy of balancing.',
                        },
                        weights: { type: 'object', additionalProperties: { type: 'integer', minimum: 0 } },
                      },
                    },
                  },
                },
                status: {
                  type: 'object',
                  properties: {
                    ready: { type: 'boolean' },
                    conditions: {
                      type: 'array',
                      'x-kubernetes-list-type': 'map',
                      'x-kubernetes-list-map-keys': ['type'],
                      items: {
                        type: 'object',
                        required: ['type', 'status'],
                        properties: { type: text, status: text, message: text },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      ],
    },
  };
}
