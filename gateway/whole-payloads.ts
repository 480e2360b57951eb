/** A read model whose runs have their large payloads in them, wherever those lie. */

import { storedPayload } from '../schemas/blob.ts'
import type { TenantId } from '../schemas/ids.ts'
import type { PayloadReader } from '../topology/blobs/port.ts'
import type { ReadModel, RunView, StoredPayload } from '../topology/read-model/port.ts'

/** Of all payloads of one answer; further ones are left out of it, with their sizes. */
const MAX_ANSWER_BYTES = 32 << 20

export function withWholePayloads(readModel: ReadModel, payloads: PayloadReader): ReadModel {
  const whole = async (tenant: TenantId, asked: Promise<RunView | null>): Promise<RunView | null> => {
    const run = await asked
    return run === null || !hasStored(run) ? run : fill(tenant, run, payloads)
  }
  return new Proxy(readModel, {
    get(target, name) {
      if (name === 'getRun') return (...args: Parameters<ReadModel['getRun']>) => whole(args[0], target.getRun(...args))
      if (name === 'awaitRun') {
        return (...args: Parameters<ReadModel['awaitRun']>) => whole(args[0], target.awaitRun(...args))
      }
      const member = target[name as keyof ReadModel]
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

function hasStored(run: RunView): boolean {
  return (
    markOf(run.input) !== null || markOf(run.output) !== null || run.steps.some(({ output }) => markOf(output) !== null)
  )
}

function markOf(payload: StoredPayload | null) {
  return payload?.kind === 'text' ? storedPayload(payload.text) : null
}

async function fill(tenant: TenantId, run: RunView, payloads: PayloadReader): Promise<RunView> {
  let left = MAX_ANSWER_BYTES
  const filled = async (payload: StoredPayload | null): Promise<StoredPayload | null> => {
    const mark = markOf(payload)
    if (payload?.kind !== 'text' || mark === null) return payload
    left -= mark.sizeBytes
    if (left < 0) return { kind: 'omitted', sizeBytes: mark.sizeBytes }
    try {
      return { kind: 'text', text: await payloads.restored(tenant, payload.text) }
    } catch {
      // the run can be shown without it
      return { kind: 'omitted', sizeBytes: mark.sizeBytes }
    }
  }
  const input = await filled(run.input)
  const output = await filled(run.output)
  const steps = []
  for (const step of run.steps) steps.push({ ...step, output: await filled(step.output) })
  return { ...run, input, output, steps }
}
