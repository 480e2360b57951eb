import { createHash } from 'node:crypto'
import { type Json, parseJson } from '../json.ts'
import type { SubmitRun } from '../records/ingest.ts'

/**
 * 32 hex digits (128 bits of SHA-256) over what a submission asks for: flow, version, input, sticky key, priority and metadata. The same
 * whatever the order of names and the white space of its JSON; not dependent on tenant, run id, keys or time.
 */
export function canonicalHash(submission: SubmitRun): string {
  const { flow, version, input, stickyKey, priority, metadata } = submission
  const text = canonicalJson([
    flow,
    version,
    parseJson(input),
    stickyKey,
    priority,
    metadata === null ? null : parseJson(metadata),
  ])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** JSON text with the names of every object in order of code units and without white space. */
export function canonicalJson(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalJson).join(',')}]`
  const object = value as { readonly [key: string]: Json }
  const members = Object.keys(object)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(object[name]!)}`)
  return `{${members.join(',')}}`
}
