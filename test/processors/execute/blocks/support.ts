import type { BlockContext } from '../../../../processors/execute/block.ts'
import {
  type BuiltInBlocks,
  type BuiltInOptions,
  builtInBlocks,
} from '../../../../processors/execute/blocks/registry.ts'
import type { BlockTools } from '../../../../processors/execute/blocks/tools.ts'
import type { RunId, StepId, TenantId } from '../../../../schemas/ids.ts'

export const realTools: BlockTools = {
  now: () => Date.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/** What tests call is on this machine. */
export const LOCAL_EGRESS = { allow: ['127.0.0.0/8', '::1/128'] }

export function openBlocks(options?: BuiltInOptions): BuiltInBlocks {
  return builtInBlocks(realTools, { egress: LOCAL_EGRESS, ...options })
}

export function contextOf(changes: Partial<BlockContext> = {}): BlockContext {
  return {
    tenant: 'acme' as TenantId,
    runId: '00010000-0000-8000-8000-000000000000' as RunId,
    stepId: 'one' as StepId,
    attempt: 1,
    key: 'acme/run/one/1',
    signal: new AbortController().signal,
    traceparent: null,
    ...changes,
  }
}
