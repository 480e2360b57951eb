import type { Json } from '../../../../schemas/json.ts'
import { type Block, BlockError } from '../../block.ts'
import type { WorkerPool } from '../workers/worker-pool.ts'

interface JmespathInput {
  readonly expression?: string
  readonly data?: Json
}

export function jmespathBlock(pool: () => WorkerPool): Block {
  return {
    type: 'jmespath',
    version: 1,
    pool: 'cpu',
    summary: 'Evaluates a JMESPath expression on a thread of its own and returns the value.',
    inputSchema: {
      type: 'object',
      properties: {
        expression: { type: 'string', description: 'JMESPath.' },
        data: { default: null, description: 'What the expression is evaluated on.' },
      },
      additionalProperties: false,
    },
    pure: true,
    errors: [
      { code: 'MISSING_EXPRESSION', class: 'permanent', meaning: 'The input has no `expression`.' },
      { code: 'JMESPATH_COMPILE_ERROR', class: 'permanent', meaning: 'The expression does not parse.' },
      {
        code: 'JMESPATH_RUNTIME_ERROR',
        class: 'permanent',
        meaning: 'The expression cannot be evaluated on the data.',
      },
      { code: 'WORKER_ENDED', class: 'transient', meaning: 'The thread ended in the call, e.g. for want of memory.' },
    ],
    example: { expression: 'orders[?total > `100`].id', data: { orders: [{ id: 'a', total: 120 }] } },
    run: (context, input) => {
      const { expression = '', data = null } = input as JmespathInput
      if (expression.trim() === '') throw new BlockError('MISSING_EXPRESSION', "the step's input has no 'expression'")
      return pool().call({ block: 'jmespath', expression, data }, context.signal)
    },
  }
}
