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

const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
/** The low 16 bits, in four digits. */
const hex16 = (value: number): string => BYTES[(value >>> 8) & 0xff]! + BYTES[value & 0xff]!

/** A fresh run id with the given placement (0..65535); the other 106 bits come from `random`. */
export function newRunId(placement: number, random: RandomU32): RunId {
  const a = random()
  const b = random()
  const c = random()
  const d = random()
  const version = hex16(0x8000 | (b & 0xfff))
  const variant = hex16(0x8000 | ((b >>> 12) & 0x3fff))
  return `${hex16(placement)}${hex16(a)}-${hex16(a >>> 16)}-${version}-${variant}-${hex16(c)}${hex16(d >>> 16)}${hex16(d)}` as RunId
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
