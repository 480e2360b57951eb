import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { KERNELS } from '../../processors/execute/blocks/gpu/kernels/kernels.ts'
import { FUNCTIONS, NUMBERS } from '../../schemas/kernel/syntax.ts'

const text = readFileSync(new URL('../../docs/gpu.md', import.meta.url), 'utf8')

test.each(KERNELS.map((kernel) => [kernel.name, kernel] as const))(
  'docs/gpu.md says what %s takes and does',
  (_, kernel) => {
    const fields = [...kernel.required, ...kernel.optional.map((field) => `${field}?`)].map((field) => `\`${field}\``)
    expect(text).toContain(`| \`${kernel.name}\` | ${fields.join(' ')} | ${kernel.summary} |`)
  },
)

test('docs/gpu.md names every function', () => {
  expect(text).toContain(`of \`Math\`: ${[...Object.keys(FUNCTIONS), ...Object.keys(NUMBERS)].join(' ')}.`)
})
