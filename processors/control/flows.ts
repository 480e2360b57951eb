/** Published flow versions, and their compiled forms. */
import { defineValue, int, json, string } from '../../schemas/define.ts'
import { compileStored } from '../../schemas/flow/compile.ts'
import type { CompiledFlow } from '../../schemas/flow/model.ts'
import type { JsonText } from '../../schemas/json.ts'
import type { FlowPublished } from '../../schemas/records/control.ts'
import { ControlBehind, type StoreDef, type Turn } from '../turn.ts'

export interface FlowVersion {
  readonly version: number
  readonly document: JsonText
  readonly hash: string
}

/** By `tenant/flow/version`; `tenant/flow` holds a copy of the latest. */
export const FLOWS: StoreDef<FlowVersion> = {
  name: 'flows',
  id: 1,
  type: defineValue('FlowVersion', { version: int, document: json, hash: string }),
}

const compiled = new WeakMap<FlowVersion, CompiledFlow>()

export interface KnownFlow {
  readonly version: number
  readonly flow: CompiledFlow
}

/**
 * The flow version a run asks for (`null`: the latest), or `null` if there is none.
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
