import type { Json } from '../../../../schemas/json.ts'
import { ERROR_CLASSES, type ErrorClass } from '../../../../schemas/records/shared.ts'
import { type Block, BlockError } from '../../block.ts'
import { type BlockTools, pause } from '../tools.ts'

interface FailInput {
  readonly code?: string
  readonly message?: string
  readonly class?: ErrorClass
  readonly times?: number
  readonly output?: Json
  readonly retryAfterMs?: number
  readonly afterMs?: number
}

const inputSchema = {
  type: ['object', 'null'],
  properties: {
    code: {
      type: 'string',
      pattern: '^[A-Z][A-Z0-9_]{0,63}$',
      default: 'FAILED',
      description: 'The code of the error; any code may be given.',
    },
    message: { type: 'string', description: 'The message of the error.' },
    class: { enum: ERROR_CLASSES, default: 'permanent', description: 'The class of the error.' },
    times: {
      type: 'integer',
      minimum: 0,
      description: 'Only the first so many attempts fail; those after them return `output`.',
    },
    output: { default: null, description: 'What an attempt returns that does not fail.' },
    retryAfterMs: {
      type: 'number',
      minimum: 0,
      description: 'The next attempt waits at least so many milliseconds.',
    },
    afterMs: { type: 'number', minimum: 0, default: 0, description: 'Milliseconds until the attempt ends.' },
  },
  additionalProperties: false,
}

export function failBlock(tools: BlockTools): Block {
  return {
    type: 'fail',
    version: 1,
    pool: 'io',
    summary: 'Fails as it is told to, always or for the first attempts only. For tests and demonstrations.',
    inputSchema,
    errors: [{ code: 'FAILED', class: 'permanent', meaning: 'The step was told to fail and no code was given.' }],
    anyCode: true,
    example: { code: 'OUT_OF_STOCK', message: 'no item left', class: 'transient', times: 2, output: 'done' },
    run: async (context, input) => {
      const asked = (input ?? {}) as FailInput
      if (asked.afterMs !== undefined && asked.afterMs > 0) await pause(tools, asked.afterMs, context.signal)
      if (asked.times !== undefined && context.attempt > asked.times) return asked.output ?? null
      const message = asked.message ?? `attempt ${context.attempt} of step '${context.stepId}' was told to fail`
      throw new BlockError(asked.code ?? 'FAILED', message, {
        class: asked.class ?? 'permanent',
        retryAfterMs: asked.retryAfterMs ?? null,
      })
    },
  }
}
