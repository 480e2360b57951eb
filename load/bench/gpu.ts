/**
 * The pool `gpu`, called as an executor calls it: small kernels that go together beside the same ones in dispatches of their own, a warm device beside a cold one, and each kernel on the best
 * backend beside the others. On a machine without a GPU that is SwiftShader, where Debian's chromium is installed.
 */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { realEnvironment as environment } from '../../connectors/environment.ts'
import type { Block } from '../../processors/execute/block.ts'
import type { DeviceInfo } from '../../processors/execute/blocks/gpu/device/backend-names.ts'
import type { GpuSettings } from '../../processors/execute/blocks/gpu/gpu-settings.ts'
import { builtInBlocks } from '../../processors/execute/blocks/registry.ts'
import type { Json } from '../../schemas/json.ts'
import { median, round } from '../measure/statistics.ts'
import { contextOf } from './block-context.ts'
import { progress } from './child.ts'

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json'
const IN_FLIGHT = 64

interface Opened {
  readonly block: Block
  info(): DeviceInfo | null
  close(): Promise<void>
}

function openGpu(settings: GpuSettings): Opened {
  let info: DeviceInfo | null = null
  const observer = {
    opened: (found: DeviceInfo) => {
      info = found
    },
    lost: (reason: string) => progress(`  the device is lost: ${reason}`),
    dispatched: () => undefined,
  }
  // a driver that is set by the caller is the one to measure
  const isGiven = process.env.VK_ICD_FILENAMES !== undefined || process.env.VK_DRIVER_FILES !== undefined
  const vulkanDriver =
    !isGiven && process.env.BEAMLINE_GPU_REAL === undefined && existsSync(SWIFTSHADER) ? SWIFTSHADER : null
  const set = builtInBlocks(environment, { gpu: { vulkanDriver, ...settings, observer } })
  const block = set.blocks.find(({ type }) => type === 'kernel')!
  return { block, info: () => info, close: set.close }
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.fround(((i * 7_919) % 2_003) / 1_001 - 1))
}

const matrix = (rows: number, columns: number): Json => ({ shape: [rows, columns], data: numbers(rows * columns) })

const SMALL: readonly { readonly name: string; readonly input: Json }[] = [
  {
    name: 'map of 256',
    input: { kernel: 'map', formula: 'Math.tanh(a * x) + 1', inputs: { x: numbers(256), a: 0.5 } },
  },
  { name: 'matmul 16 x 16', input: { kernel: 'matmul', a: matrix(16, 16), b: matrix(16, 16) } },
  { name: 'softmax of 64', input: { kernel: 'softmax', values: numbers(64) } },
]

const LARGE: readonly { readonly name: string; readonly input: { readonly [field: string]: Json } }[] = [
  {
    name: 'map of 1,000,000',
    input: {
      kernel: 'map',
      formula: 'Math.sin(x) * Math.exp(-x * x)',
      inputs: { x: { shape: [1_000_000], data: numbers(1_000_000) } },
    },
  },
  {
    name: 'reduce of 1,000,000',
    input: { kernel: 'reduce', op: 'sum', values: { shape: [1_000_000], data: numbers(1_000_000) } },
  },
  { name: 'matmul 512 x 512', input: { kernel: 'matmul', a: matrix(512, 512), b: matrix(512, 512) } },
  {
    name: 'conv2d 256 x 256, 3 to 8 channels, 5 x 5',
    input: {
      kernel: 'conv2d',
      image: { shape: [3, 256, 256], data: numbers(3 * 65_536) },
      filter: { shape: [8, 3, 5, 5], data: numbers(600) },
    },
  },
  {
    name: 'cosine-top-k of 10,000 x 128',
    input: { kernel: 'cosine-top-k', query: numbers(128), matrix: matrix(10_000, 128), k: 10 },
  },
  {
    name: 'kmeans-assign 20,000 x 16 to 32',
    input: { kernel: 'kmeans-assign', points: matrix(20_000, 16), centroids: matrix(32, 16) },
  },
  {
    name: 'histogram of 1,000,000',
    input: { kernel: 'histogram', values: { shape: [1_000_000], data: numbers(1_000_000) }, bins: 64, min: -1, max: 1 },
  },
  { name: 'softmax 1,000 x 1,000', input: { kernel: 'softmax', values: matrix(1_000, 1_000) } },
  {
    name: 'image-resize 1024 x 1024 to half',
    input: { kernel: 'image-resize', image: matrix(1_024, 1_024), height: 512, width: 512 },
  },
  {
    name: 'image-filter 1024 x 1024, 5 x 5',
    input: { kernel: 'image-filter', image: matrix(1_024, 1_024), filter: matrix(5, 5) },
  },
  {
    name: 'monte-carlo of 4,000,000',
    input: {
      kernel: 'monte-carlo',
      formula: 'x * x + y * y < 1 ? 4 : 0',
      variables: { x: 'uniform', y: 'uniform' },
      samples: 4_000_000,
    },
  },
  {
    name: 'custom, 200 rounds for 100,000',
    input: {
      kernel: 'custom',
      source:
        'function (a) { let x = a[this.thread.x]; for (let i = 0; i < 200; i++) { x = Math.sqrt(x * x + 1) * 0.5; } return x; }',
      inputs: { a: { shape: [100_000], data: numbers(100_000) } },
      size: [100_000],
    },
  },
]

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } } })
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  const best = openGpu({})
  await best.block.run(contextOf(0), SMALL[0]!.input)
  const info = best.info()!
  progress(`  device: ${info.backend} (${info.adapter}), because ${info.why}`)
  const results: { [name: string]: Json } = { device: { ...info } }
  results.together = await together(best, values.quick ? 500 : 2_000, rounds)
  results.cold = await cold()
  results.kernels = await kernels(best, rounds)
  await best.close()
  console.log(JSON.stringify(results))
}

/** As many in flight on both sides, and in turn, so that what else the machine does hits both alike. */
async function together(best: Opened, ms: number, rounds: number): Promise<Json> {
  const single = openGpu({ joinedMax: 1 })
  const results: { [name: string]: Json } = {}
  for (const { name, input } of SMALL) {
    await callFor(best.block, input, 300, IN_FLIGHT)
    await callFor(single.block, input, 300, IN_FLIGHT)
    const joined: number[] = []
    const alone: number[] = []
    for (let round = 0; round < rounds; round++) {
      joined.push(await callFor(best.block, input, ms, IN_FLIGHT))
      alone.push(await callFor(single.block, input, ms, IN_FLIGHT))
    }
    const ratio = round(median(joined) / median(alone))
    progress(
      `  ${name}: ${Math.round(median(joined))} steps/s together, ${Math.round(median(alone))} each alone: ${ratio} times`,
    )
    results[name] = { together_per_s: Math.round(median(joined)), alone_per_s: Math.round(median(alone)), ratio }
  }
  await single.close()
  return results
}

async function callFor(block: Block, input: Json, ms: number, inFlight: number): Promise<number> {
  const began = performance.now()
  let calls = 0
  const one = async (): Promise<void> => {
    while (performance.now() - began < ms) await block.run(contextOf(calls++), input)
  }
  await Promise.all(Array.from({ length: inFlight }, one))
  return (calls * 1_000) / (performance.now() - began)
}

async function cold(): Promise<Json> {
  const opened = openGpu({})
  const input = SMALL[1]!.input
  const device = await timed(opened.block, SMALL[2]!.input)
  const kernel = await timed(opened.block, input)
  const warm: number[] = []
  for (let i = 0; i < 20; i++) warm.push(await timed(opened.block, input))
  await opened.close()
  const figures = { device_and_kernel_ms: round(device), kernel_ms: round(kernel), warm_ms: round(median(warm)) }
  progress(
    `  first step of a process ${figures.device_and_kernel_ms} ms, of a kernel ${figures.kernel_ms} ms, warm ${figures.warm_ms} ms`,
  )
  return figures
}

async function kernels(best: Opened, rounds: number): Promise<Json> {
  const cpu = openGpu({ backend: 'cpu' })
  const webasm = openGpu({ backend: 'webasm' })
  const results: { [name: string]: Json } = {}
  for (const { name, input } of LARGE) {
    const times: { readonly [side in 'best' | 'cpu' | 'webasm']: number[] } = { best: [], cpu: [], webasm: [] }
    for (const [side, { block }] of [
      ['best', best],
      ['cpu', cpu],
      ['webasm', webasm],
    ] as const) {
      await block.run(contextOf(0), { ...input, encoding: 'base64' })
      for (let i = 0; i < rounds; i++) times[side].push(await timed(block, { ...input, encoding: 'base64' }))
    }
    const figures = {
      ms: round(median(times.best)),
      cpu_ms: round(median(times.cpu)),
      webasm_ms: round(median(times.webasm)),
    }
    const ratio = round(figures.cpu_ms / figures.ms)
    progress(
      `  ${name}: ${figures.ms} ms, CPU backend ${figures.cpu_ms} ms: ${ratio} times; WebAssembly ${figures.webasm_ms} ms`,
    )
    results[name] = { ...figures, ratio }
  }
  await cpu.close()
  await webasm.close()
  return results
}

async function timed(block: Block, input: Json): Promise<number> {
  const began = performance.now()
  await block.run(contextOf(0), input)
  return performance.now() - began
}

await main()
