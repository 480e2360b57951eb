/** The blocks of a dry run: mocks where there are any, the real thing where it has no effect outside, a refusal for the rest. */
import { type Block, type BlockContext, BlockError } from '../../processors/execute/block.ts'
import { pause } from '../../processors/execute/blocks/tools.ts'
import type { Json } from '../../schemas/json.ts'
import type { Environment } from '../environment.ts'
import type { Mock } from './port.ts'

/** Tells that a step was reached for which nothing was said. */
export const NOT_MOCKED = 'NOT_MOCKED'

export interface Call {
  readonly step: string
  readonly block: string
  readonly input: Json
  readonly mocked: boolean
}

/** What the blocks of one dry run have in common. */
export class Stage {
  readonly environment: Environment
  readonly mocks: ReadonlyMap<string, readonly Mock[]>
  /** The latest call of each step. */
  readonly calls = new Map<string, Call>()
  readonly unmocked = new Map<string, string>()
  /** Real blocks that run now; virtual time stands still for them. */
  #running = 0
  #changed = Promise.withResolvers<void>()

  constructor(environment: Environment, mocks: ReadonlyMap<string, readonly Mock[]>) {
    this.environment = environment
    this.mocks = mocks
  }

  get running(): number {
    return this.#running
  }

  /** Resolves once a real block has ended. */
  changed(): Promise<void> {
    return this.#changed.promise
  }

  /** Runs a block on real time. */
  async real(work: () => Promise<Json> | Json): Promise<Json> {
    this.#running += 1
    try {
      return await work()
    } finally {
      this.#running -= 1
      this.#changed.resolve()
      this.#changed = Promise.withResolvers<void>()
    }
  }
}

/** The block as a dry run has it. `virtual`: it takes its time from the stage, so it needs no waiting for. */
export function staged(block: Block, stage: Stage, virtual: boolean): Block {
  const { estimate: _, ...described } = block
  const run = async (context: BlockContext, input: Json): Promise<Json> => {
    const step = context.stepId
    const mocks = stage.mocks.get(step)
    stage.calls.set(step, { step, block: block.type, input, mocked: mocks !== undefined })
    if (mocks !== undefined) return mocked(mocks, stage, context)
    if (block.pure !== true && !virtual) return refuse(stage, step, block.type)
    return virtual ? block.run(context, input) : stage.real(() => block.run(context, input))
  }
  return { ...described, anyCode: true, run }
}

async function mocked(mocks: readonly Mock[], { environment }: Stage, context: BlockContext): Promise<Json> {
  const { afterMs, result } = mocks[Math.min(context.attempt, mocks.length) - 1]!
  if (afterMs > 0) await pause(environment, afterMs, context.signal)
  if ('output' in result) return result.output
  const { code, message, class: errorClass, retryAfterMs, detail } = result.error
  throw new BlockError(code, message, { class: errorClass, retryAfterMs, detail })
}

function refuse(stage: Stage, step: string, block: string): never {
  stage.unmocked.set(step, block)
  throw new BlockError(NOT_MOCKED, `step '${step}' (${block}) has effects outside and no mock`, { class: 'terminal' })
}
