import type { FlowPublished, PublishFlow } from '../../schemas/records/control.ts'
import type { Turn } from '../turn.ts'
import { broadcast } from './broadcast.ts'
import { FLOWS, latestVersion, onFlowPublished } from './flows.ts'

/** Gives the document its number and tells every partition of it, in one commit. A repeat of the latest document is answered with its version. */
export function onPublishFlow(turn: Turn, record: PublishFlow): void {
  if (turn.partition !== 0) {
    turn.emit('control', 0, record)
    return
  }
  const { tenant, flow, document, hash, publishedBy, replyTo } = record
  const last = latestVersion(turn, tenant, flow)
  const latest = turn.get(FLOWS, `${tenant}/${flow}/${last}`)
  if (latest?.hash === hash) {
    const body = { created: false, version: latest.version }
    if (replyTo !== null) turn.reply(replyTo, { ok: true, code: 'unchanged', body })
    return
  }
  const version = last + 1
  const published: FlowPublished = {
    kind: 'FlowPublished',
    tenant,
    flow,
    version,
    document,
    hash,
    publishedAtMs: turn.now,
    publishedBy,
  }
  onFlowPublished(turn, published)
  broadcast(turn, `${tenant}/${flow}/${version}`, published)
  const body = { created: true, version, publishedAtMs: turn.now }
  if (replyTo !== null) turn.reply(replyTo, { ok: true, code: 'published', body })
}
