import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { packs } from '../../../connectors/kafka-client/packing.ts'
import { recordOf } from './batches.ts'

const noise = (bytes: number): string => randomBytes(bytes).toString('base64url').slice(0, bytes)
const words = (bytes: number): string => JSON.stringify(Array(bytes).fill({ name: 'value', count: 1 })).slice(0, bytes)

describe('whether a batch is packed', () => {
  it.each<[what: string, values: string[], expected: boolean]>([
    ['little in all', ['x'.repeat(1_900)], false],
    ['a little more', ['x'.repeat(2_100)], true],
    ['a large value of words', [words(65_536)], true],
    ['a large value of random letters', [noise(65_536)], false],
    [
      'large values of random letters among small ones',
      [...Array(20).fill('{"a":1}'), noise(65_536), noise(30_000)],
      false,
    ],
    ['many small values, be they random: they have their forms in common', Array(100).fill(noise(1_000)), true],
    [
      'one large value of random letters among as much of small ones',
      [noise(9_000), ...Array(20).fill(noise(1_000))],
      true,
    ],
  ])('%s', (_, values, expected) => {
    expect(packs(values.map((value) => recordOf(value)))).toBe(expected)
  })
})
