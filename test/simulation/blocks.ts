/** Blocks that do what their input tells them, on virtual time, and write down that they did; one of them is pure. */
import { type Block, BlockError } from '../../processors/execute/block.ts'
import type { Json } from '../../schemas/json.ts'
import type { Pool } from '../../schemas/topics.ts'
import type { Environment } from '../../topology/environment.ts'
import type { LedgerLine } from '../../topology/verify/formats.ts'
import { type Behaviour, TROUBLE_BELOW } from './flow-model.ts'

interface BlockInput {
  readonly behaviour: Behaviour
  readonly n: number
  readonly value: Json
}

export interface EffectSink {
  readonly lines: LedgerLine[]
}

export const SIMULATED = [
  { type: 'echo', pool: 'io', effect: true },
  { type: 'jmespath', pool: 'cpu', effect: false },
  { type: 'kernel', pool: 'gpu', effect: true },
] as const satisfies readonly { readonly type: string; readonly pool: Pool; readonly effect: boolean }[]

/** The blocks of one process: its environment stops calling back when it crashes. */
export function simulatedBlocks(environment: Environment, sink: EffectSink): Block[] {
  return SIMULATED.map(({ type, pool, effect }) => ({
    type,
    version: 1,
    pool,
    summary: 'simulated',
    inputSchema: {},
    errors: [{ code: 'SIMULATED', class: 'transient', meaning: 'the model says so' }],
    example: null,
    ...(effect ? {} : { pure: true }),
    run(context, input) {
      const { behaviour, n, value } = input as unknown as BlockInput
      const trouble = n < TROUBLE_BELOW
      const hangs = trouble && behaviour.hang
      if (effect) sink.lines.push({ key: context.key, at_ms: environment.now() })
      const finish = (): Json => {
        if (!trouble || context.attempt > behaviour.failFirst) return { step: context.stepId, value }
        throw new BlockError('SIMULATED', 'the model says so', { class: behaviour.errorClass })
      }
      if (behaviour.ms === 0 && !hangs) return finish()
      return new Promise<Json>((resolve, reject) => {
        const stop = () => {
          cancel()
          reject(new Error('aborted'))
        }
        const cancel = environment.after(hangs ? 3_600_000 : behaviour.ms, () => {
          context.signal.removeEventListener('abort', stop)
          try {
            resolve(finish())
          } catch (error) {
            reject(error as Error)
          }
        })
        context.signal.addEventListener('abort', stop)
      })
    },
  }))
}
