import type { Block } from '../../block.ts'
import { type BlockTools, pause, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'

const DEFAULT_MS = 100
const MAX_MS = 86_400_000

interface SleepInput {
  readonly ms?: number
  readonly timeout_ms?: number
}

export function sleepBlock(tools: BlockTools): Block {
  return {
    type: 'sleep',
    version: 1,
    pool: 'io',
    summary: 'Waits, then returns `null`. It holds a slot of its executor meanwhile; for long waits use a `wait` step.',
    inputSchema: {
      type: ['object', 'null'],
      properties: {
        ms: {
          type: 'number',
          minimum: 0,
          maximum: MAX_MS,
          default: DEFAULT_MS,
          description: 'How long to wait, in milliseconds.',
        },
        timeout_ms: TIMEOUT_MS_SCHEMA,
      },
      additionalProperties: false,
    },
    pure: true,
    errors: [],
    example: { ms: 10 },
    run: async (context, input) => {
      const { ms = DEFAULT_MS, timeout_ms } = (input ?? {}) as SleepInput
      await within(tools, context.signal, timeout_ms, (signal) => pause(tools, ms, signal))
      return null
    },
  }
}
