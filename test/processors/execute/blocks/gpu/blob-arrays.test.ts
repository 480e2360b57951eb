import { afterAll, describe, expect, test } from 'vitest'
import { type BlobPort, BlockError } from '../../../../../processors/execute/block.ts'
import { ANY, openGpu, runner } from './backends.ts'

const set = openGpu(ANY)
const run = runner(set)
afterAll(() => set.close())

/** In memory; gives bytes out in parts. */
function blobs(): BlobPort {
  const held = new Map<string, Buffer>()
  return {
    async put(bytes, { type }) {
      const parts: Uint8Array[] = []
      for await (const part of bytes) parts.push(part)
      const blob = `blob://${held.size}`
      held.set(blob, Buffer.concat(parts))
      return { blob, size: held.get(blob)!.length, type, hash: 'x' }
    },
    async get(reference) {
      const bytes = held.get(reference)
      if (bytes === undefined) throw new BlockError('BLOB_NOT_FOUND', `no ${reference}`)
      return (async function* () {
        for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3)
      })()
    },
  }
}

describe('arrays in blobs', () => {
  test('what one step stores another one reads, with its shape', async () => {
    const context = { blobs: blobs() }
    const stored = (await run({ kernel: 'matmul', a: [[1], [2]], b: [[3, 4]], encoding: 'blob' }, context)) as {
      readonly output: object
    }
    expect(stored.output).toMatchObject({ blob: 'blob://0', size: 16, type: expect.stringContaining('shape=2x2') })
    const sum = await run({ kernel: 'reduce', op: 'sum', by: 'rows', values: stored.output }, context)
    expect(sum).toMatchObject({ output: { shape: [2], data: [7, 14] } })
    const reference = { blob: 'blob://0', shape: [4], type: 'f32' }
    const asData = { data: 'blob://0', shape: [4], type: 'f32' }
    for (const x of [reference, asData]) {
      const mapped = await run({ kernel: 'map', formula: 'x + 1', inputs: { x } }, context)
      expect(mapped).toMatchObject({ output: { data: [4, 5, 7, 9] } })
    }
  })

  test.each([
    [{ blob: 'blob://0' }, 'SHAPE_MISMATCH', 'without a shape'],
    [{ blob: 'blob://0', shape: [3] }, 'SHAPE_MISMATCH', 'has more than 12 bytes; expected 12'],
    [{ blob: 'blob://0', shape: [5] }, 'SHAPE_MISMATCH', 'has 16 bytes; expected 20'],
    [{ blob: 'blob://0', shape: [1], type: 'f64' }, 'SHAPE_MISMATCH', 'no blob of f32, i32 or u8'],
    [{ blob: 'blob://0', shape: ['a'] }, 'TOO_LARGE', 'has NaN bytes'],
    [{ blob: 'blob://0', shape: [-4, -1] }, 'SHAPE_MISMATCH', 'no usable shape'],
    [{ blob: 'blob://0', shape: [1e9] }, 'TOO_LARGE', 'has 4000000000 bytes'],
    [{ blob: 'blob://9', shape: [1] }, 'BLOB_NOT_FOUND', 'no blob://9'],
  ])('%j: %s', async (values, code, message) => {
    const context = { blobs: blobs() }
    await run({ kernel: 'softmax', values: [1, 2, 3, 4], encoding: 'blob' }, context)
    await expect(run({ kernel: 'softmax', values }, context)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })

  test('need a place for them', async () => {
    const code = 'BLOBS_UNAVAILABLE'
    await expect(run({ kernel: 'softmax', values: { blob: 'blob://0', shape: [1] } })).rejects.toMatchObject({ code })
    await expect(run({ kernel: 'softmax', values: [1], encoding: 'blob' })).rejects.toMatchObject({ code })
  })
})
