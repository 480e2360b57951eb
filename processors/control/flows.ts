/** Published flow versions, and their compiled forms. */
import { defineValue, int, json, long, string } from '../../schemas/define.ts'
import { compileStored } from '../../schemas/flow/compile.ts'
import type { CompiledFlow } from '../../schemas/flow/model.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { FlowDeprecated, FlowPublished } from '../../schemas/records/control.ts'
import { ControlBehind, type StoreDef, type Turn } from '../turn.ts'

export interface FlowVersion {
  readonly version: number
  readonly document: JsonText
  readonly hash: string
}

/** By `tenant/flow/version`; `tenant/flow` holds a copy of the one that runs get which name none: the latest that is not deprecated. */
export const FLOWS: StoreDef<FlowVersion> = {
  name: 'flows',
  id: 1,
  type: defineValue('FlowVersion', { version: int, document: json, hash: string }),
}

export interface Deprecation {
  readonly sinceMs: number
}

/** Deprecated versions, by `tenant/flow/version`. */
export const DEPRECATED: StoreDef<Deprecation> = {
  name: 'deprecated_flows',
  id: 3,
  type: defineValue('Deprecation', { sinceMs: long }),
}

const compiled = new WeakMap<FlowVersion, CompiledFlow>()

export interface KnownFlow {
  readonly version: number
  readonly flow: CompiledFlow
}

/**
 * The flow version a run asks for (`null`: the latest that is not deprecated), or `null` if there is none.
 * @throws {ControlBehind} when there is none and `control` may hold more.
 */
export function findFlow(turn: Turn, tenant: string, flow: string, version: number | null): KnownFlow | null {
  const row = turn.get(FLOWS, version === null ? `${tenant}/${flow}` : `${tenant}/${flow}/${version}`)
  if (row === undefined) {
    if (!turn.controlIsCurrent) throw new ControlBehind()
    return null
  }
  let known = compiled.get(row)
  if (known === undefined) {
    known = compileStored(flow, row.document)
    compiled.set(row, known)
  }
  return { version: row.version, flow: known }
}

export function onFlowPublished(turn: Turn, record: FlowPublished): void {
  const key = `${record.tenant}/${record.flow}`
  if (turn.get(FLOWS, `${key}/${record.version}`) !== undefined) return
  const row: FlowVersion = { version: record.version, document: record.document, hash: record.hash }
  turn.put(FLOWS, `${key}/${record.version}`, row)
  const latest = turn.get(FLOWS, key)
  if (latest === undefined || latest.version < record.version) turn.put(FLOWS, key, row)
}

/** The highest version there is, deprecated or not; 0 if there is none. */
export function latestVersion(turn: Turn, tenant: string, flow: string): number {
  let version = turn.get(FLOWS, `${tenant}/${flow}`)?.version ?? 0
  while (turn.get(FLOWS, `${tenant}/${flow}/${version + 1}`) !== undefined) version++
  return version
}

export function onFlowDeprecated(turn: Turn, record: FlowDeprecated): void {
  const flow = `${record.tenant}/${record.flow}`
  const key = `${flow}/${record.version}`
  if (record.deprecated) turn.put(DEPRECATED, key, { sinceMs: record.changedAtMs })
  else turn.delete(DEPRECATED, key)
  let version = latestVersion(turn, record.tenant, record.flow)
  while (version > 0 && turn.get(DEPRECATED, `${flow}/${version}`) !== undefined) version--
  const current = turn.get(FLOWS, `${flow}/${version}`)
  if (current === undefined) turn.delete(FLOWS, flow)
  else turn.put(FLOWS, flow, current)
}
