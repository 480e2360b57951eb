/** The example image-batch, as `npm run example -- image-batch` plays it. */
import { beforeAll, expect, it } from 'vitest'
import { decodePng, encodePng, type Picture } from '../../load/examples/image-batch/blocks/png.ts'
import { imageBatch } from '../../load/examples/image-batch/image-batch.ts'
import { ANY, backendsReady, SWIFTSHADER, TESTED } from '../processors/execute/blocks/gpu/backends.ts'
import { references } from '../processors/execute/blocks/gpu/reference.ts'
import { play } from './support.ts'

type Rows = readonly (readonly number[])[]

const SHARPEN = [
  [0, -1, 0],
  [-1, 5, -1],
  [0, -1, 0],
]
const EDGES = [
  [-1, -1, -1],
  [-1, 8, -1],
  [-1, -1, -1],
]

/** The example document-questions has the one that is left. */
const BACKENDS = TESTED.filter((backend) => backend !== ANY)

beforeAll(backendsReady)

it.each(BACKENDS)('makes of each picture the thumbnail that plain code makes of it, on %s', async (backend) => {
  const { result, said } = await play(imageBatch, {
    env: { BEAMLINE_GPU_BACKEND: backend, ...(backend === 'webgpu' ? { BEAMLINE_GPU_DRIVER: SWIFTSHADER } : {}) },
  })
  expect(result.device.name).toBe(backend)
  expect(result.runs).toHaveLength(12)
  const failed = result.runs.filter(({ status }) => status !== 'completed')
  expect(failed).toMatchObject([
    { status: 'failed', input: { name: 'dunes-2' }, failed_step: 'pixels', error: { code: 'PNG_BROKEN' } },
  ])
  expect(result.rerun).toMatchObject({ status: 'completed', input: { name: 'dunes-2' } })
  expect(said).toContain('dunes-2: step pixels: PNG_BROKEN')

  expect([...result.thumbnails.keys()].sort()).toEqual([...result.pictures.keys()].sort())
  for (const [name, file] of result.pictures) {
    const picture = decodePng(file)
    const isTall = picture.height > picture.width
    const [height, width] = isTall ? [160, 120] : [120, 160]
    const small = channelsOf(picture).map((rows) => rounded(references.resize(rows, height, width, 'bilinear')))
    const thumbnail = decodePng(result.thumbnails.get(name)!)
    expect(thumbnail, name).toMatchObject({ height, width, channels: 3 })
    expectSame(name, thumbnail.pixels, pixelsOf(small.map((rows) => rounded(references.filter(rows, SHARPEN)))))
    expectSame(name, result.outlines.get(name)!, pixelsOf(small.map((rows) => rounded(references.filter(rows, EDGES)))))
  }
  for (const [name, bytes] of result.blobs) expect(result.outlines.get(name)!.equals(bytes), name).toBe(true)
  expect(result.blobs.size).toBe(12)
  for (const { output } of result.runs.filter(({ status }) => status === 'completed')) {
    expect(output.bytes).toBe(result.thumbnails.get(output.name)!.length)
    expect(output.outlines.type).toMatch(/^application\/vnd\.beamline\.array; type=u8; shape=(120x160|160x120)x3$/)
  }
  // steps of many runs went together; the picture that was broken came alone
  expect(result.device.steps).toBe(36)
  expect(result.device.dispatches).toBeLessThan(36)
})

function channelsOf({ height, width, channels, pixels }: Picture): readonly Rows[] {
  return Array.from({ length: channels }, (_, c) =>
    Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => pixels[(y * width + x) * channels + c]!),
    ),
  )
}

/** To bytes, halves to the even one. */
function rounded(rows: Rows): Rows {
  return rows.map((row) => [...Uint8ClampedArray.from(row)])
}

function pixelsOf(channels: readonly Rows[]): readonly number[] {
  return channels[0]!.flatMap((row, y) => row.flatMap((_, x) => channels.map((rows) => rows[y]![x]!)))
}

/** 32-bit floats may round one in some thousand the other way, of which a filter makes a few levels. */
function expectSame(name: string, found: Uint8Array, expected: readonly number[]): void {
  expect(found.length, name).toBe(expected.length)
  const apart = expected.map((value, i) => Math.abs(value - found[i]!))
  expect(apart.filter((levels) => levels > 1).length, name).toBeLessThan(expected.length / 500)
  expect(Math.max(...apart), name).toBeLessThanOrEqual(16)
}

it('its PNG reads what it writes, and says what is wrong with the rest', () => {
  for (const channels of [1, 2, 3, 4]) {
    const pixels = Uint8Array.from({ length: 5 * 7 * channels }, (_, i) => (i * 37) % 256)
    const picture = { height: 5, width: 7, channels, pixels }
    expect(decodePng(encodePng(picture))).toEqual(picture)
  }
  const file = encodePng({ height: 2, width: 2, channels: 1, pixels: new Uint8Array(4) })
  const damaged = Buffer.from(file)
  damaged[20]! ^= 1
  expect(() => decodePng(damaged)).toThrow('its part IHDR is damaged')
  expect(() => decodePng(file.subarray(0, 30))).toThrow('it breaks off after 30 bytes')
  expect(() => decodePng(Buffer.from('GIF89a'))).toThrow('does not begin as PNG does')
})
