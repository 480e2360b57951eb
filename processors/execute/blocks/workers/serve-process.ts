/** The process's side of a process pool. */
import type { Json } from '../../../../schemas/json.ts'
import { BlockError, type BlockLogLine } from '../../block.ts'
import type { WorkerReply } from './protocol.ts'

/** Answers a call; `log` is filled with what the step's log is to have, and sent with the answer. */
export type HandleCall = (payload: Json, log: BlockLogLine[]) => Json | Promise<Json>

/** Answers calls until the parent goes away. What `handle` throws is the call's error, under `otherwise` unless it is a {@link BlockError}. */
export function serveProcess(handle: HandleCall, otherwise: string): void {
  process.on('message', (payload: Json) => {
    void answer(payload, handle, otherwise).then((reply) => process.send?.(reply))
  })
  process.on('disconnect', () => process.exit(0))
}

async function answer(payload: Json, handle: HandleCall, otherwise: string): Promise<WorkerReply> {
  const log: BlockLogLine[] = []
  try {
    const output = JSON.stringify(await handle(payload, log)) ?? 'null'
    return { slot: 0, kind: 'done', output, log }
  } catch (error) {
    const code = error instanceof BlockError ? error.code : otherwise
    const detail = error instanceof BlockError ? JSON.stringify(error.detail) : 'null'
    const message = error instanceof Error ? error.message : String(error)
    return { slot: 0, kind: 'failed', code, message, detail, log }
  }
}
