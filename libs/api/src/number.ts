import { z } from 'zod';

const INT32_MAX = 2_147_483_647;

/** An integer of at least `min`, 0 unless said otherwise, that fits 32 bits. */
export const integer = ({ min = 0, max = INT32_MAX }: { min?: number; max?: number } = {}) => z.int().min(min).max(max);

/** A count that may outgrow 32 bits. */
export const bigCount = z.int().min(0).meta({ format: 'int64' });

/** A port that something can listen on. */
export const portNumber = integer({ min: 1, max: 65_535 });
