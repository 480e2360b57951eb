import type { DeprecateFlow, FlowDeprecated } from '../../schemas/records/control.ts'
import type { Turn } from '../turn.ts'
import { broadcast } from './broadcast.ts'
import { DEPRECATED, FLOWS, onFlowDeprecated } from './flows.ts'

/** Tells every partition, in one commit. What is so already is answered and changes nothing. */
export function onDeprecateFlow(turn: Turn, record: DeprecateFlow): void {
  if (turn.partition !== 0) {
    turn.emit('control', 0, record)
    return
  }
  const { tenant, flow, version, deprecated, reason, requestedBy, replyTo } = record
  const key = `${tenant}/${flow}/${version}`
  if (turn.get(FLOWS, key) === undefined) {
    const message = `flow '${flow}' has no version ${version}`
    if (replyTo !== null) turn.reply(replyTo, { ok: false, code: 'unknown_flow', body: { message, details: {} } })
    return
  }
  if ((turn.get(DEPRECATED, key) !== undefined) === deprecated) {
    if (replyTo !== null) turn.reply(replyTo, { ok: true, code: 'unchanged', body: {} })
    return
  }
  const changed: FlowDeprecated = {
    kind: 'FlowDeprecated',
    tenant,
    flow,
    version,
    deprecated,
    reason,
    changedAtMs: turn.now,
    changedBy: requestedBy,
  }
  onFlowDeprecated(turn, changed)
  broadcast(turn, `${key}/deprecated`, changed)
  if (replyTo !== null) turn.reply(replyTo, { ok: true, code: 'changed', body: changed })
}
