import { STEP_LIMITS } from '../../../../schemas/flow/expression-ast.ts'
import type { Json } from '../../../../schemas/json.ts'
import { type Block, BlockError } from '../../block.ts'
import { extentOf, MAX_DEPTH } from '../../extent.ts'
import { type BlockTools, TIMEOUT_MS_SCHEMA, within } from '../tools.ts'
import { type CpuPool, cpuCall, INLINE_EXTENT } from './cpu-pool.ts'
import { searchJmespath, searchOf } from './jmespath-search.ts'

interface JmespathInput {
  readonly expression?: string
  readonly data?: Json
  readonly timeout_ms?: number
}

const { bytes, nodes, depth } = STEP_LIMITS

export function jmespathBlock(tools: BlockTools, pool: CpuPool): Block {
  return {
    type: 'jmespath',
    version: 1,
    pool: 'cpu',
    summary: 'Evaluates a JMESPath expression and returns the value; what may take long runs on a thread of its own.',
    inputSchema: {
      type: 'object',
      properties: {
        expression: {
          type: 'string',
          description: `JMESPath of at most ${bytes} bytes, ${nodes} nodes and ${depth} levels.`,
        },
        data: { default: null, description: `What the expression is evaluated on; at most ${MAX_DEPTH} levels deep.` },
        timeout_ms: TIMEOUT_MS_SCHEMA,
      },
      additionalProperties: false,
    },
    pure: true,
    errors: [
      { code: 'MISSING_EXPRESSION', class: 'permanent', meaning: 'The input has no `expression`.' },
      { code: 'JMESPATH_COMPILE_ERROR', class: 'permanent', meaning: 'The expression does not parse or is too large.' },
      {
        code: 'JMESPATH_RUNTIME_ERROR',
        class: 'permanent',
        meaning: 'The expression cannot be evaluated on the data.',
      },
      { code: 'WORKER_ENDED', class: 'transient', meaning: 'The thread ended in the call, e.g. for want of memory.' },
    ],
    example: { expression: 'orders[?total > `100`].id', data: { orders: [{ id: 'a', total: 120 }] } },
    run: (context, input) => {
      const { expression = '', data = null, timeout_ms: limitMs } = input as JmespathInput
      if (expression.trim() === '') throw new BlockError('MISSING_EXPRESSION', "the step's input has no 'expression'")
      const search = searchOf(expression)
      const extent = extentOf(data)
      if (extent === Number.POSITIVE_INFINITY) {
        throw new BlockError('JMESPATH_RUNTIME_ERROR', `the data is nested more than ${MAX_DEPTH} deep`)
      }
      if (search.isBounded && extent <= INLINE_EXTENT && !context.signal.aborted) return searchJmespath(search, data)
      const call = cpuCall({ block: 'jmespath', expression, data })
      return within(tools, context.signal, limitMs, (signal) => pool().call(call, signal))
    },
  }
}
