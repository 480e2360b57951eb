import { describe, expect, test } from 'vitest'
import { murmur2, partitionForKey } from '../../schemas/murmur2.ts'

/** From Kafka's UtilsTest.testMurmur2. */
const VECTORS = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
] as const

describe('murmur2', () => {
  test.each(VECTORS)('of %j is %i, as in Kafka', (text, hash) => {
    expect(murmur2(text)).toBe(hash)
    expect(murmur2(Buffer.from(text))).toBe(hash)
  })

  test('gives a key the partition that Kafka gives it', () => {
    expect(VECTORS.map(([text]) => partitionForKey(text, 12))).toEqual(
      VECTORS.map(([, hash]) => (hash & 0x7fffffff) % 12),
    )
  })
})
