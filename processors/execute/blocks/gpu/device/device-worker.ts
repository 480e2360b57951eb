/**
 * The program of the device process. A process and not a thread: a driver may take its process down with it, a shader cannot be stopped from within, and a thread that
 * is ended while WebGPU has a promise open aborts the whole process.
 */
import { BlockError } from '../../../block.ts'
import type { Dispatch } from '../kernels/kernel-def.ts'
import { kernelNamed } from '../kernels/kernels.ts'
import { openBackend } from './backend.ts'
import { BACKENDS } from './backend-names.ts'
import { type Programs, programsOf } from './programs.ts'
import {
  BACKEND_VARIABLE,
  type DeviceCall,
  type DeviceMessage,
  DRIVER_VARIABLE,
  type ItemResult,
  LOSE_AFTER_VARIABLE,
} from './protocol.ts'

const waiting: DeviceCall[] = []
let take: (() => void) | null = null
let isLost = false
/** Calls fail before the loss of the device that they fail of is told. */
const LOSS_TOLD_MS = 100

// calls may come while the device is opened
process.on('message', (call: DeviceCall) => {
  waiting.push(call)
  take?.()
})
process.on('disconnect', () => process.exit(0))
await main()

async function main(): Promise<void> {
  const wanted = BACKENDS.find((backend) => backend === process.env[BACKEND_VARIABLE]) ?? null
  try {
    const backend = await openBackend(wanted, process.env[DRIVER_VARIABLE] !== undefined)
    backend.onLost((reason) => {
      isLost = true
      say({ kind: 'lost', reason }, () => process.exit(0))
    })
    say({ kind: 'ready', info: backend.info })
    await serve(programsOf(backend), backend.lose)
  } catch (error) {
    say({ kind: 'unusable', message: (error as Error).message }, () => process.exit(0))
  }
}

/** One call at a time, in order. */
async function serve(programs: Programs, lose: () => void): Promise<never> {
  let left = Number(process.env[LOSE_AFTER_VARIABLE] ?? Number.POSITIVE_INFINITY)
  for (;;) {
    const call = waiting.shift()
    if (call === undefined) {
      await new Promise<void>((resolve) => {
        take = resolve
      })
      continue
    }
    if (left-- === 0) lose()
    const began = performance.now()
    const results = await answers(call, programs.dispatch)
    const durationMs = performance.now() - began
    if (results.some(hasBroken)) await new Promise((resolve) => setTimeout(resolve, LOSS_TOLD_MS))
    // whoever sent it sends it again, to the next process
    if (isLost) continue
    say({ kind: 'results', id: call.id, results, warm: programs.warm(), durationMs })
  }
}

/** If they cannot go together, each goes for itself, so that one fails alone. */
async function answers({ kernel, items }: DeviceCall, dispatch: Dispatch): Promise<readonly ItemResult[]> {
  const def = kernelNamed(kernel)
  if (def === undefined) return items.map(() => failed(new BlockError('KERNEL_UNKNOWN', `no kernel '${kernel}'`)))
  try {
    return (await def.run(dispatch, items)).map((value) => ({ kind: 'done', value }))
  } catch (error) {
    if (items.length === 1) return [failed(error)]
    const results: ItemResult[] = []
    for (const item of items) results.push(...(await answers({ id: 0, kernel, items: [item] }, dispatch)))
    return results
  }
}

function hasBroken(result: ItemResult): boolean {
  return result.kind === 'failed' && result.code === 'KERNEL_FAILED'
}

function failed(error: unknown): ItemResult {
  const text = error instanceof Error ? error.message : String(error)
  // gpu.js adds the whole shader
  const message = text.split('\n---')[0]!
  return {
    kind: 'failed',
    code: error instanceof BlockError ? error.code : 'KERNEL_FAILED',
    message: message.slice(0, 1_000),
  }
}

function say(message: DeviceMessage, then: () => void = () => undefined): void {
  process.send?.(message, then)
}
