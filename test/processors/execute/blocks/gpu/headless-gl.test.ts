/** What is particular to headless OpenGL; that its kernels are right is tested with those of the other backends. */
import { existsSync, readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GpuPool } from '../../../../../processors/execute/blocks/gpu/gpu-pool.ts'
import type { GpuSettings } from '../../../../../processors/execute/blocks/gpu/gpu-settings.ts'
import { kernelNamed } from '../../../../../processors/execute/blocks/gpu/kernels/kernels.ts'
import { COMPILED_MAX } from '../../../../../processors/execute/blocks/gpu/limits.ts'
import { offerHeadlessGl } from '../../../../support/headless-gl.ts'
import { realTools } from '../support.ts'
import { TESTED } from './backends.ts'

const hasGpu =
  readdirSync('/dev').some((name) => /^(?:nvidia\d+|dxg)$/.test(name)) ||
  (existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD')))

describe.runIf(TESTED.includes('headlessgl'))('headless OpenGL', () => {
  let stopServer: () => Promise<void>
  const pools: GpuPool[] = []
  beforeEach(async () => {
    stopServer = await offerHeadlessGl()
  })
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.close()
    await stopServer()
  })
  const opened = (settings: GpuSettings): GpuPool => {
    const pool = new GpuPool(realTools, { gatherMs: 0, ...settings }, 256)
    pools.push(pool)
    return pool
  }
  const doubled = async (pool: GpuPool, values: readonly number[]): Promise<unknown> => {
    const map = kernelNamed('map')!
    const { key, item, elements } = map.prepare({
      tenant: 'acme',
      fields: { formula: 'x * 2', inputs: { x: values } },
    })
    const result = await pool.run('map', { key, item, elements }, new AbortController().signal)
    return Array.from(result as Float32Array)
  }

  test('tells how large an array it takes', async () => {
    const pool = opened({ backend: 'headlessgl' })
    expect(await doubled(pool, [1, 2, 3])).toEqual([2, 4, 6])
    expect(pool.info).toMatchObject({ backend: 'headlessgl', adapter: 'OpenGL', why: 'headlessgl is set' })
    // the least that a texture must be able to have here, 4096 by 4096: all that a step may ask for
    expect(pool.info?.arrayMaxBytes).toBeGreaterThanOrEqual(2 ** 24 * 4)
  })

  test('is right for more sizes than it keeps programs, in any order', async () => {
    const pool = opened({ backend: 'headlessgl' })
    const sizes = Array.from({ length: COMPILED_MAX + 8 }, (_, index) => ((index * 7) % 79) + 1)
    for (const [turn, size] of [...sizes, ...sizes.slice(0, 4)].entries()) {
      const values = Array.from({ length: size }, (_, index) => index + turn)
      expect(await doubled(pool, values)).toEqual(values.map((value) => value * 2))
    }
  })

  test.skipIf(hasGpu)('comes after WebAssembly where there is no GPU', async () => {
    const pool = opened({ vulkanDriver: null })
    expect(await doubled(pool, [1])).toEqual([2])
    expect(pool.info?.backend).toBe('webasm')
    expect(pool.info?.why).toContain('headlessgl: there is no GPU, and WebAssembly is faster than OpenGL in software')
  })

  test('without an X server says so', async () => {
    delete process.env['DISPLAY']
    const pool = opened({ backend: 'headlessgl' })
    await expect(doubled(pool, [1])).rejects.toMatchObject({
      code: 'DEVICE_LOST',
      message: expect.stringContaining('OpenGL gives no context: no X server (DISPLAY) or no driver'),
    })
  })
})
