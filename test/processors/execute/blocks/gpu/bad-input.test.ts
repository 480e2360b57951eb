import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ANY, backendsReady, openGpu, runner, TESTED } from './backends.ts'

beforeAll(backendsReady)
const set = openGpu(ANY)
const run = runner(set)
afterAll(() => set.close())

const f32 = (values: readonly number[]): string => Buffer.from(Float32Array.from(values).buffer).toString('base64')
const wide = Array<number>(5_000).fill(1)

describe('shapes', () => {
  test.each([
    [
      { kernel: 'matmul', a: [[1, 2]], b: [[1, 2]] },
      'SHAPE_MISMATCH',
      "'a' is [1, 2] and 'b' [1, 2]; expected 2 rows in 'b'",
    ],
    [{ kernel: 'matmul', a: [1], b: [[1]] }, 'SHAPE_MISMATCH', "'a' has the shape [1]; expected 2 dimensions"],
    [{ kernel: 'matmul', a: [[1], [2, 3]], b: [[1]] }, 'SHAPE_MISMATCH', "a list in 'a' has 2 elements; expected 1"],
    [{ kernel: 'matmul', a: [[1], 2], b: [[1]] }, 'SHAPE_MISMATCH', "'a' has the number 2 among lists"],
    [
      { kernel: 'softmax', values: [[1], ['x']] },
      'SHAPE_MISMATCH',
      "'values' has the string x at 1; expected a number",
    ],
    [{ kernel: 'softmax', values: [[[[[1]]]]] }, 'SHAPE_MISMATCH', 'more than 4 dimensions'],
    [
      { kernel: 'softmax', values: { shape: [3], data: [1, 2] } },
      'SHAPE_MISMATCH',
      "'values' has 2 numbers; expected 3",
    ],
    [{ kernel: 'softmax', values: { shape: [2], data: 'AAAA' } }, 'SHAPE_MISMATCH', 'has 3 bytes; expected 8 of f32'],
    [{ kernel: 'softmax', values: { shape: [1.5], data: [1] } }, 'SHAPE_MISMATCH', 'no usable shape'],
    [
      { kernel: 'softmax', values: { output: { shape: [1], type: 'f32', data: [1] }, backend: 'webgpu' } },
      'SHAPE_MISMATCH',
      "'values' is an object with output, backend; expected a list of numbers, {shape, data} or {blob}. It has what looks like one in 'output': for the output of a step write ${steps.ID.output.output}",
    ],
    [
      { kernel: 'map', formula: 'x + 1', inputs: { x: { output: 12, backend: 'webgpu' } } },
      'SHAPE_MISMATCH',
      "'x' is an object with output, backend; expected a list of numbers, {shape, data} or {blob}. It has the number 12 in 'output'",
    ],
    [{ kernel: 'softmax', values: {} }, 'SHAPE_MISMATCH', "'values' is an object without fields; expected a list"],
    [
      { kernel: 'softmax', values: { output: { blob: 'blob://0' } } },
      'SHAPE_MISMATCH',
      "in 'output': for the output of a step write",
    ],
    [
      { kernel: 'softmax', values: { shape: [1], type: 'f64', data: [1] } },
      'SHAPE_MISMATCH',
      'expected f32, i32 or u8',
    ],
    [
      { kernel: 'map', formula: 'x + y', inputs: { x: [1, 2], y: [1] } },
      'SHAPE_MISMATCH',
      "'y' is [1]; expected [2], as 'x' is",
    ],
    [{ kernel: 'conv2d', image: [[1]], filter: [[1, 1]], padding: 'valid' }, 'SHAPE_MISMATCH', 'larger than the image'],
    [{ kernel: 'conv2d', image: [[[1]], [[1]]], filter: [[1]] }, 'SHAPE_MISMATCH', "expected 2, as 'image' has"],
    [{ kernel: 'image-resize', image: [[[1, 2, 3, 4, 5]]], height: 1, width: 1 }, 'SHAPE_MISMATCH', '5 channels'],
    [
      { kernel: 'kmeans-assign', points: [[1]], centroids: [[1, 2]] },
      'SHAPE_MISMATCH',
      "'centroids' have 2 dimensions; expected 1",
    ],
    [
      { kernel: 'cosine-top-k', query: [1], matrix: [[1, 2]], k: 1 },
      'SHAPE_MISMATCH',
      "'query' has 1 numbers; expected 2",
    ],
    [{ kernel: 'cosine-top-k', query: [1], matrix: [1], k: 1 }, 'SHAPE_MISMATCH', "needs 'dimensions'"],
    [
      { kernel: 'cosine-top-k', query: [1, 1], matrix: [1, 2, 3], dimensions: 2, k: 1 },
      'SHAPE_MISMATCH',
      'a multiple of 2',
    ],
  ])('%j: %s', async (input, code, message) => {
    await expect(run(input)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })
})

describe('zero size', () => {
  test.each([
    { kernel: 'reduce', op: 'sum', values: [] },
    { kernel: 'softmax', values: [[], []] },
    { kernel: 'matmul', a: [], b: [[1]] },
    { kernel: 'softmax', values: { shape: [0], data: [] } },
    { kernel: 'cosine-top-k', query: [], matrix: [[]], k: 1 },
  ])('%j', async (input) => {
    await expect(run(input)).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' })
  })
})

describe('numbers that are not finite', () => {
  test.each([
    [{ kernel: 'softmax', values: [1, 1e39] }, "'values' has 1e+39 at 1"],
    [{ kernel: 'softmax', values: { shape: [2], data: f32([1, Number.NaN]) } }, "'values' has NaN at 1"],
    [
      { kernel: 'softmax', values: { shape: [1], data: f32([Number.NEGATIVE_INFINITY]) } },
      "'values' has -Infinity at 0",
    ],
    [{ kernel: 'map', formula: 'x', inputs: { x: [1], a: 1e39 } }, "'a' has 1e+39"],
    [{ kernel: 'histogram', values: [1], bins: 1, min: 0, max: 1e39 }, "'max' has 1e+39"],
    [{ kernel: 'map', formula: '1 / x', inputs: { x: [1, 0] } }, 'the result has Infinity at 1'],
    [{ kernel: 'map', formula: 'Math.log(x)', inputs: { x: [-1] } }, 'the result has NaN at 0'],
    [{ kernel: 'reduce', op: 'sum', values: [3e38, 3e38] }, 'the result has Infinity'],
    [
      { kernel: 'monte-carlo', formula: '1 / (x - x)', variables: { x: 'uniform' }, samples: 1 },
      'finite for every draw',
    ],
  ])('%j', async (input, message) => {
    await expect(run(input)).rejects.toMatchObject({ code: 'NOT_FINITE', message: expect.stringContaining(message) })
  })
})

describe('too large', () => {
  test.each([
    [
      { kernel: 'softmax', values: { shape: [100_000, 100_000], data: [] } },
      "'values' has 10000000000 numbers; expected at most 16777216",
    ],
    [{ kernel: 'matmul', a: wide.map((x) => [x]), b: [wide] }, 'the product has 25000000 numbers'],
    [
      { kernel: 'image-resize', image: [[1]], height: 65_536, width: 65_536 },
      'the resized image has 4294967296 numbers',
    ],
    [
      { kernel: 'custom', source: 'function () { return 1; }', inputs: {}, size: [16_777_216, 2] },
      'the result has 33554432 numbers',
    ],
    [
      {
        kernel: 'custom',
        source: 'function () { let s = 0; for (let i = 0; i < 1000000; i++) { s += i; } return s; }',
        inputs: {},
        size: [1_000_000],
      },
      'operations; expected at most 68719476736',
    ],
    [
      { kernel: 'monte-carlo', formula: 'x', variables: { x: 'normal' }, samples: 1e10 },
      'operations; expected at most',
    ],
  ])('%#', async (input, message) => {
    await expect(run(input)).rejects.toMatchObject({ code: 'TOO_LARGE', message: expect.stringContaining(message) })
  })
})

describe('kernels and fields that are not known', () => {
  test.each([
    [{ kernel: 'fft' }, 'KERNEL_UNKNOWN', "kernel 'fft' is not known; expected one of map, reduce, matmul"],
    [{ kernel: '__proto__' }, 'KERNEL_UNKNOWN', 'is not known'],
    [{ kernel: 'matmul', a: [[1]] }, 'INPUT_INVALID', "'b' is missing; the kernel 'matmul' needs a, b"],
    [{ kernel: 'softmax', values: [1], op: 'sum' }, 'INPUT_INVALID', "'op' is no field of the kernel 'softmax'"],
    [
      { kernel: 'image-filter', image: [[1]], filter: 'rainbow' },
      'INPUT_INVALID',
      'expected blur or gaussian or sharpen or edges',
    ],
    [{ kernel: 'histogram', values: [1], bins: 1, min: 1, max: 1 }, 'INPUT_INVALID', "expected 'max' above 'min'"],
    [{ kernel: 'monte-carlo', formula: '1', variables: {}, samples: 1 }, 'INPUT_INVALID', 'expected 1 to 8'],
    [
      { kernel: 'monte-carlo', formula: 'x', variables: { x: 'cauchy' }, samples: 1 },
      'INPUT_INVALID',
      'uniform or normal',
    ],
    [{ kernel: 'map', formula: 'a', inputs: { a: 1 } }, 'INPUT_INVALID', "'inputs' has no array"],
    [
      { kernel: 'map', formula: 'a', inputs: Object.fromEntries('abcdefg'.split('').map((name) => [name, [1]])) },
      'INPUT_INVALID',
      '7 arrays; expected at most 6',
    ],
  ])('%j: %s', async (input, code, message) => {
    await expect(run(input)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })
})

test.each(TESTED)('%s: one bad step of several fails alone', async (backend) => {
  const other = openGpu(backend, { gatherMs: 20 })
  const call = runner(other)
  const map = (x: number) => call({ kernel: 'map', formula: '1 / x', inputs: { x: [x, 1] } })
  const results = await Promise.allSettled([
    map(1),
    map(0),
    map(2),
    call({ kernel: 'map', formula: '1 / x', inputs: { x: [[1]] } }),
  ])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(results[2]).toMatchObject({ value: { output: { data: [0.5, 1] } } })
  await other.close()
})
