import { afterEach, describe, expect, test } from 'vitest'
import type { BuiltInBlocks } from '../../../../processors/execute/blocks/registry.ts'
import { workerFile } from '../../../../processors/execute/blocks/workers/worker-file.ts'
import { WorkerPool } from '../../../../processors/execute/blocks/workers/worker-pool.ts'
import type { Json } from '../../../../schemas/json.ts'
import { contextOf, openBlocks } from './support.ts'

const CPU_WORKER = new URL('../../../../processors/execute/blocks/cpu/cpu-worker.ts', import.meta.url)
const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close()
})

function poolOf(size: number, heapMb = 512): WorkerPool {
  const pool = new WorkerPool({ file: CPU_WORKER, size, heapMb, endedCode: 'WORKER_ENDED' })
  closing.push(pool)
  return pool
}

const never = new AbortController().signal
const call = (expression: string, data: Json = null) => ({ block: 'jmespath', expression, data })
/** Takes seconds. */
const stuck = call(`[${Array(500).fill('length(to_string(@))').join(',')}]`, ['x'.repeat(8_000_000)])

describe('WorkerPool', () => {
  test('answers many calls, each its own', async () => {
    const pool = poolOf(2)
    const numbers = Array.from({ length: 500 }, (_, i) => i)
    const answers = await Promise.all(numbers.map((n) => pool.call(call('n', { n }), never)))
    expect(answers).toEqual(numbers)
    expect(pool.threads).toBe(2)
  })

  test('starts no thread before it is needed', () => {
    expect(poolOf(2).threads).toBe(0)
  })

  test('kills a stuck call and runs the others it held', async () => {
    const pool = poolOf(1)
    await pool.call(call('@'), never)
    const controller = new AbortController()
    const slow = pool.call(stuck, controller.signal)
    const others = Promise.all([1, 2, 3].map((n) => pool.call(call('n', { n }), never)))
    await new Promise((resolve) => setTimeout(resolve, 50))
    controller.abort(new Error('enough'))
    await expect(slow).rejects.toThrow('enough')
    expect(await others).toEqual([1, 2, 3])
    expect(pool.threads).toBe(1)
  })

  test('an idle thread takes what waits behind a stuck call', async () => {
    const pool = poolOf(2)
    await Promise.all([pool.call(call('@'), never), pool.call(call('@'), never)])
    const controller = new AbortController()
    const slow = pool.call(stuck, controller.signal)
    // so many that both threads are given some of them
    const others = Array.from({ length: 60 }, (_, n) => pool.call(call('n', { n }), never))
    expect(await Promise.all(others)).toEqual(Array.from({ length: 60 }, (_, n) => n))
    controller.abort(new Error('enough'))
    await expect(slow).rejects.toThrow('enough')
  })

  test('a call that was not begun is withdrawn without killing anything', async () => {
    const pool = poolOf(1)
    await pool.call(call('@'), never)
    const controller = new AbortController()
    const first = pool.call(call('length(to_string(@))', ['x'.repeat(1_000_000)]), never)
    const withdrawn = pool.call(call('@'), controller.signal)
    await Promise.resolve()
    controller.abort(new Error('not wanted'))
    await expect(withdrawn).rejects.toThrow('not wanted')
    expect(await first).toBe(1_000_004)
  })

  test('a thread out of memory fails the call it was in, and the pool goes on', async () => {
    const pool = poolOf(1, 16)
    const greedy = call(`[${Array(200).fill('map(&to_string(@), @)').join(',')}]`, Array(50_000).fill('some text'))
    const results = await Promise.allSettled([pool.call(greedy, never), pool.call(call('`1`'), never)])
    expect(results[0]).toMatchObject({ status: 'rejected', reason: { code: 'WORKER_ENDED' } })
    expect(results[1]).toMatchObject({ status: 'fulfilled', value: 1 })
  })

  test('a program that cannot start fails its calls', async () => {
    const pool = new WorkerPool({
      file: new URL('./none.ts', CPU_WORKER),
      size: 1,
      heapMb: 64,
      endedCode: 'WORKER_ENDED',
    })
    closing.push(pool)
    await expect(pool.call(null, never)).rejects.toMatchObject({ code: 'WORKER_ENDED' })
  })

  test('close fails what is waiting', async () => {
    const pool = poolOf(1)
    const waiting = expect(pool.call(stuck, never)).rejects.toThrow('closed')
    await Promise.resolve()
    await pool.close()
    await waiting
    await expect(pool.call(null, never)).rejects.toThrow('closed')
  })
})

test.each([
  ['file:///app/pool.ts', 'file:///app/cpu/worker.ts'],
  ['file:///app/dist/pool.js', 'file:///app/dist/cpu/worker.js'],
])('the program beside %s is %s', (module, expected) => {
  expect(workerFile('cpu/worker', module).href).toBe(expected)
})

describe('jmespath', () => {
  function run(blocks: BuiltInBlocks, type: string, input: Json): Promise<Json> {
    closing.push(blocks)
    const block = blocks.blocks.find((one) => one.type === type)!
    return Promise.resolve(null).then(() => block.run(contextOf(), input))
  }

  test.each([
    [{ expression: 'a.b', data: { a: { b: [1] } } }, [1]],
    [{ expression: 'a.b' }, null],
    [{ expression: '@', data: JSON.parse('{"__proto__":{"x":1}}') as Json }, JSON.parse('{"__proto__":{"x":1}}')],
  ])('%j', async (input, expected) => {
    expect(await run(openBlocks({ cpuThreads: 1 }), 'jmespath', input)).toEqual(expected)
  })

  test.each([
    [{ data: 1 }, 'MISSING_EXPRESSION', "no 'expression'"],
    [{ expression: 'a[' }, 'JMESPATH_COMPILE_ERROR', 'does not parse'],
    [{ expression: 'abs(`"x"`)' }, 'JMESPATH_RUNTIME_ERROR', 'abs()'],
  ])('%j is refused with %s', async (input, code, message) => {
    await expect(run(openBlocks({ cpuThreads: 1 }), 'jmespath', input)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    })
  })
})
