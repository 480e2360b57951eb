import type { GPU } from 'gpu.js'
import { expect, test } from 'vitest'
import { programsOf } from '../../../../../processors/execute/blocks/gpu/device/programs.ts'
import { COMPILED_MAX, HELD_MAX } from '../../../../../processors/execute/blocks/gpu/limits.ts'

/** Compiles nothing, and tells what was asked of it. */
function standIn(isResizable: boolean, fault: () => string | null = () => null) {
  const told = { compiled: [] as string[], destroyed: [] as string[], resized: [] as string[] }
  const createKernel = (source: string, { output }: { readonly output: readonly number[] }) => {
    const name = `${source} ${output}`
    told.compiled.push(name)
    return Object.assign(() => new Float32Array(output.reduce((a, b) => a * b, 1)), {
      setOutput: (size: readonly number[]) => void told.resized.push(`${name} to ${size}`),
      destroy: () => void told.destroyed.push(name),
    })
  }
  const programs = programsOf({
    info: { backend: 'headlessgl', adapter: null, arrayMaxBytes: null, why: '' },
    gpu: { createKernel } as unknown as GPU,
    isResizable,
    onLost: () => undefined,
    fault,
    lose: () => undefined,
  })
  const run = (name: string, output: readonly number[], lengths: readonly number[] = []) => {
    const args = lengths.map((length) => new Float32Array(length))
    return programs.dispatch({ name: `${name}/1`, source: name, types: args.map(() => 'Array') }, args, output)
  }
  return { told, run, programs }
}

test('a program for any size is compiled once for as many directions', async () => {
  const { told, run } = standIn(true)
  for (const output of [[1], [2], [2, 2], [3]]) await run('a', output, [output[0]!])
  expect(told.compiled).toEqual(['a 1', 'a 2,2'])
  expect(told.resized).toEqual(['a 1 to 1', 'a 1 to 2', 'a 2,2 to 2,2', 'a 1 to 3'])
})

test('a program for one size is compiled for each size of its output and of its arrays', async () => {
  const { told, run, programs } = standIn(false)
  await run('a', [1], [1])
  await run('a', [2], [1])
  await run('a', [2], [2])
  await run('a', [1], [1])
  expect(told.compiled).toEqual(['a 1', 'a 2', 'a 2'])
  expect(told.resized).toEqual([])
  expect(programs.warm()).toEqual(['a'])
})

test('those used last are kept', async () => {
  const { told, run } = standIn(false)
  for (let size = 1; size <= COMPILED_MAX; size++) await run('a', [size])
  await run('a', [1])
  await run('a', [COMPILED_MAX + 1])
  expect(told.destroyed).toEqual(['a 2'])
})

test('those that keep their arrays are kept as long as these are not too many together', async () => {
  const half = HELD_MAX / 8
  const { told, run } = standIn(false)
  await run('a', [half])
  await run('b', [half])
  expect(told.destroyed).toEqual([])
  await run('c', [1])
  expect(told.destroyed).toEqual([`a ${half}`])
  // what is asked for is done, whatever it takes
  await run('d', [half], [HELD_MAX])
  expect(told.destroyed).toEqual([`a ${half}`, `b ${half}`, 'c 1'])
})

test.each([
  ['OutOfMemory', 'TOO_LARGE'],
  ['ValidationError', 'KERNEL_FAILED'],
])('%s is the step\u2019s %s', async (fault, code) => {
  const { run } = standIn(false, () => fault)
  await expect(run('a', [1])).rejects.toMatchObject({ code, message: expect.stringContaining(fault) })
})

test.each([
  ['OutOfMemory', ['b 2', 'a 1'], []],
  ['ValidationError', ['b 2'], ['a']],
] as const)('%s: what failed keeps nothing on the device', async (fault, destroyed, warm) => {
  let now: string | null = null
  const { told, run, programs } = standIn(false, () => now)
  await run('a', [1])
  now = fault
  await expect(run('b', [2])).rejects.toThrow(fault)
  expect(told.destroyed).toEqual(destroyed)
  expect(programs.warm()).toEqual(warm)
})
