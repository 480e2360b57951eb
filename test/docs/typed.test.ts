/** The tour, the recipes and the how-to pages, typed as they are written, against the real process. */
import { afterEach, describe, expect, it } from 'vitest'
import { read } from './documents.ts'
import { type Block, blocksOf, missingLine, Terminal } from './terminal.ts'

let terminal: Terminal | null = null
afterEach(async () => {
  await terminal?.close()
  terminal = null
})

async function typeAll(blocks: readonly Block[]): Promise<void> {
  terminal = await Terminal.open()
  for (const block of blocks) {
    if (block.manner === 'elsewhere') continue
    if (block.kind === 'sh') await terminal.type(block)
    else await terminal.compare(block)
  }
}

it('docs/tour.md is what happens', { timeout: 240_000 }, async () => {
  const blocks = blocksOf(read('docs/tour.md'))
  expect(blocks.length).toBeGreaterThan(20)
  expect(blocks.filter(({ manner }) => manner === 'elsewhere')).toEqual([])
  await typeAll(blocks)
})

describe('what is compared', () => {
  const output = 'a1  one  thing\nnoise\nb2 two (things)\n'
  it.each([
    { shown: 'a… one thing', missing: null },
    { shown: 'a1 one thing\n\nb2 two (things)', missing: null },
    { shown: 'b2 …\na1 …', missing: 'a1 …' },
    { shown: 'one thing', missing: 'one thing' },
    { shown: 'b2 two .things.', missing: 'b2 two .things.' },
  ])('$shown', ({ shown, missing }) => {
    expect(missingLine(output, shown)).toBe(missing)
  })

  it('a word after sh that means nothing is refused', () => {
    expect(() => blocksOf('text\n```sh sometimes\nls\n```\n')).toThrow("line 2: unknown word 'sometimes'")
  })

  it('a command that fails, one that should and does not, and a line that did not come are told', async () => {
    const block = (manner: Block['manner'], text: string): Block => ({ kind: 'sh', manner, text, line: 7 })
    terminal = await Terminal.open()
    await expect(terminal.type(block('typed', 'echo so far\nls no-such-file\n'))).rejects.toThrow('line 7: it failed')
    await expect(terminal.type(block('fails', 'true\n'))).rejects.toThrow('line 7: it did not fail')
    await terminal.type(block('typed', 'name=Ada\n'))
    await terminal.type(block('typed', 'echo hello $name\n'))
    await terminal.compare({ kind: 'text', manner: 'typed', text: 'hello Ada\n', line: 9 })
  })
})
