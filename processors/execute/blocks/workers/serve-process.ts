/** The process's side of a process pool. */
import type { Json } from '../../../../schemas/json.ts'
import { BlockError } from '../../block.ts'
import type { WorkerReply } from './protocol.ts'

/** Answers calls until the parent goes away. What `handle` throws is the call's error, under `otherwise` unless it is a {@link BlockError}. */
export function serveProcess(handle: (payload: Json) => Json, otherwise: string): void {
  process.on('message', (payload: Json) => {
    process.send?.(answer(payload, handle, otherwise))
  })
  process.on('disconnect', () => process.exit(0))
}

function answer(payload: Json, handle: (payload: Json) => Json, otherwise: string): WorkerReply {
  try {
    return { slot: 0, kind: 'done', output: JSON.stringify(handle(payload)) ?? 'null' }
  } catch (error) {
    const code = error instanceof BlockError ? error.code : otherwise
    const detail = error instanceof BlockError ? JSON.stringify(error.detail) : 'null'
    return { slot: 0, kind: 'failed', code, message: error instanceof Error ? error.message : String(error), detail }
  }
}
