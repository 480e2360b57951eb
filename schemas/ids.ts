/**
 * Branded identifiers. A run id is a UUID of version 8 whose first 16 bits are the run's *placement*;
 * its home partition is `placement mod P`.
 */
import { murmur2 } from './murmur2.ts'

declare const brand: unique symbol
type Branded<T, B extends string> = T & { readonly [brand]: B }

export type RunId = Branded<string, 'RunId'>
export type StepId = Branded<string, 'StepId'>
export type TenantId = Branded<string, 'TenantId'>
/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = number

const RUN_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const STEP_ID = /^[a-z][a-z0-9-]{0,62}$/
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

export const DEFAULT_TENANT = 'default' as TenantId

export function isRunId(text: string): text is RunId {
  return RUN_ID.test(text)
}

export function isStepId(text: string): text is StepId {
  return STEP_ID.test(text)
}

export function isTenantId(text: string): text is TenantId {
  return TENANT_ID.test(text)
}

/** First 16 bits of the run id, 0..65535. */
export function placementOf(runId: RunId): number {
  return Number.parseInt(runId.slice(0, 4), 16)
}

/** The partition that owns the run, 0..partitions-1. */
export function homeOf(runId: RunId, partitions: number): number {
  return placementOf(runId) % partitions
}

/** Random source of 32-bit unsigned integers. */
export type RandomU32 = () => number

const DIGITS = Buffer.from('0123456789abcdef')
/** One buffer for all ids: joining a text of so many small ones takes four times as long. */
const TEXT = Buffer.from('00000000-0000-0000-0000-000000000000')

/** The low 16 bits, in four digits. */
function putHex16(at: number, value: number): void {
  TEXT[at] = DIGITS[(value >>> 12) & 0xf]!
  TEXT[at + 1] = DIGITS[(value >>> 8) & 0xf]!
  TEXT[at + 2] = DIGITS[(value >>> 4) & 0xf]!
  TEXT[at + 3] = DIGITS[value & 0xf]!
}

/** A fresh run id with the given placement (0..65535); the other 106 bits come from `random`. */
export function newRunId(placement: number, random: RandomU32): RunId {
  const a = random()
  const b = random()
  const c = random()
  const d = random()
  putHex16(0, placement)
  putHex16(4, a)
  putHex16(9, a >>> 16)
  putHex16(14, 0x8000 | (b & 0xfff))
  putHex16(19, 0x8000 | ((b >>> 12) & 0x3fff))
  putHex16(24, c)
  putHex16(28, d >>> 16)
  putHex16(32, d)
  return TEXT.toString('latin1') as RunId
}

/** How a tenant's runs are laid over partitions; `undefined` means over all of them. */
export interface Spread {
  /** Number of neighbouring partitions, 1..P. */
  readonly partitions: number
}

/**
 * Placement of a run. `spreadKey` is the idempotency key, else the sticky key, else a random string.
 * Without `spread` it is the low 16 bits of murmur2(`tenant/spreadKey`); with it the run lands on one of `spread.partitions` neighbours
 * (exact when P divides 65536 or the sum stays below it, which the modulo by `partitions` here ensures).
 */
export function placementFor(tenant: TenantId, spreadKey: string, partitions: number, spread?: Spread): number {
  if (spread === undefined) return murmur2(`${tenant}/${spreadKey}`) & 0xffff
  const first = (murmur2(tenant) & 0x7fffffff) % partitions
  const offset = (murmur2(spreadKey) & 0x7fffffff) % Math.min(spread.partitions, partitions)
  return (first + offset) % partitions
}
