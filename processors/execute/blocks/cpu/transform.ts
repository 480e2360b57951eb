import { MAX_TEMPLATE_EXPRESSIONS } from '../../../../schemas/flow/template.ts'
import { type Block, BlockError } from '../../block.ts'
import { extentOf, MAX_DEPTH } from '../../extent.ts'
import { type CpuPool, cpuCall, INLINE_EXTENT } from './cpu-pool.ts'
import { isBounded, runTransform, type TransformInput } from './transform-run.ts'

const texts = { type: 'object', additionalProperties: { type: 'string' } }

export function transformBlock(pool: CpuPool): Block {
  return {
    type: 'transform',
    version: 1,
    pool: 'cpu',
    summary:
      'Reshapes data without code: picks members, renames them, merges others in, fills a template; in this order.',
    inputSchema: {
      type: 'object',
      properties: {
        data: { default: null, description: `What is reshaped; at most ${MAX_DEPTH} levels deep.` },
        each: { type: 'boolean', default: false, description: '`data` is a list, and every item of it is reshaped.' },
        pick: {
          anyOf: [{ type: 'array', items: { type: 'string' } }, texts],
          description:
            'Names of the members to keep; or new names, each with a JMESPath expression that is evaluated on the data.',
        },
        rename: { ...texts, description: 'New names by old ones.' },
        merge: {
          anyOf: [{ type: 'object' }, { type: 'array', items: { type: 'object' } }],
          description: 'Members to add or replace; of several objects the last one counts.',
        },
        template: {
          description: `Any value with \`\${name}\` inside, which is replaced by what the expression finds in the data; in a flow written \`$\${name}\`, so that the flow leaves it alone. At most ${MAX_TEMPLATE_EXPRESSIONS} expressions.`,
        },
      },
      required: ['data'],
      additionalProperties: false,
    },
    pure: true,
    errors: [
      {
        code: 'TRANSFORM_INVALID',
        class: 'permanent',
        meaning: 'An expression or the template cannot be used, whatever the data is.',
      },
      { code: 'TRANSFORM_FAILED', class: 'permanent', meaning: 'The data is not what the transformation takes.' },
      { code: 'WORKER_ENDED', class: 'transient', meaning: 'The thread ended in the call, e.g. for want of memory.' },
    ],
    example: { data: { id: 7, name: 'Ada', password: 'x' }, pick: ['id', 'name'], rename: { name: 'customer' } },
    examples: [
      {
        title: 'Every line of an order',
        input: {
          data: [{ sku: 'a', price: { net: 2 } }],
          each: true,
          pick: { sku: 'sku', net: 'price.net' },
          merge: { currency: 'EUR' },
        },
      },
      {
        title: 'A template',
        input: {
          data: { name: 'Ada', orders: [1, 2] },
          template: { text: 'Dear ${name}', count: '${length(orders)}' },
        },
      },
    ],
    run: (context, input) => {
      const extent = extentOf(input)
      if (extent === Number.POSITIVE_INFINITY) {
        throw new BlockError('TRANSFORM_FAILED', `the input is nested more than ${MAX_DEPTH} deep`)
      }
      if (extent <= INLINE_EXTENT && isBounded(input as TransformInput) && !context.signal.aborted) {
        return runTransform(input)
      }
      return pool().call(cpuCall({ block: 'transform', input }), context.signal)
    },
  }
}
