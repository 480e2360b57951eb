import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { blockReference } from '../../../../processors/execute/blocks/reference.ts'
import { openBlocks } from './support.ts'

test('docs/blocks.md is what the blocks say of themselves', () => {
  const written = readFileSync(new URL('../../../../docs/blocks.md', import.meta.url), 'utf8')
  expect(written).toBe(blockReference(openBlocks().blocks))
})
