import type { Block } from '../../block.ts'

export const echo: Block = {
  type: 'echo',
  version: 1,
  pool: 'io',
  summary: 'Returns its input as it is.',
  inputSchema: {},
  errors: [],
  pure: true,
  example: { greeting: 'hello' },
  run: (_context, input) => input,
}
