import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type BlobPort, type Block, BlockError } from '../../../../../processors/execute/block.ts'
import { type BuiltInBlocks, openBlocks } from '../../../../../processors/execute/blocks/registry.ts'
import { contextOf, realTools } from '../support.ts'

const ends: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function block(run: string): Promise<Block> {
  const folder = mkdtempSync(join(tmpdir(), 'beamline-custom-'))
  ends.push(() => rmSync(folder, { recursive: true }))
  const text = `export default { type: 'custom.one', summary: 'Test.', inputSchema: {}, example: {}, run: ${run} }`
  writeFileSync(join(folder, 'one.block.mjs'), text)
  const set: BuiltInBlocks = await openBlocks(realTools, { customFolder: folder, cpuThreads: 2 })
  ends.push(() => set.close())
  return set.blocks.find(({ type }) => type === 'custom.one')!
}

class Blobs implements BlobPort {
  readonly kept = new Map<string, Buffer>()
  asked = 0

  async put(bytes: AsyncIterable<Uint8Array>, { type }: { readonly type: string | null }) {
    const all: Uint8Array[] = []
    for await (const part of bytes) all.push(part)
    const content = Buffer.concat(all)
    const hash = createHash('sha256').update(content).digest('hex')
    this.kept.set(`blob://${hash}`, content)
    return { blob: `blob://${hash}`, size: content.length, type, hash }
  }

  async get(reference: string): Promise<AsyncIterable<Uint8Array>> {
    this.asked++
    const content = this.kept.get(reference)
    if (content === undefined) throw new BlockError('BLOB_NOT_FOUND', `there is no ${reference}`)
    return parts(content)
  }
}

async function* parts(content: Uint8Array): AsyncGenerator<Uint8Array> {
  const middle = content.length >> 1
  yield content.subarray(0, middle)
  yield content.subarray(middle)
}

describe('blobs of a custom block', () => {
  test('are read and stored', async () => {
    const blobs = new Blobs()
    const { blob } = await blobs.put(parts(Buffer.from('abcdef')), { type: null })
    const turned = await block(`async ({ blobs, input }) => {
      const bytes = await blobs.get(input.blob)
      const view = new Uint8Array(64).subarray(8, 8 + bytes.length)
      view.set(bytes.reverse())
      const stored = await blobs.put(view, 'text/plain')
      const text = await blobs.put('grün')
      return { stored, text, view: view.length }
    }`)
    const output = (await turned.run(contextOf({ blobs }), { blob })) as {
      readonly stored: { readonly blob: string }
      readonly text: { readonly blob: string }
      readonly view: number
    }
    expect(output.stored).toMatchObject({ size: 6, type: 'text/plain' })
    expect(blobs.kept.get(output.stored.blob)?.toString()).toBe('fedcba')
    expect(blobs.kept.get(output.text.blob)?.toString()).toBe('grün')
    expect(output.view).toBe(6)
  })

  test.each([
    ['is not there', new Blobs(), 'BLOB_NOT_FOUND'],
    ['has no place', undefined, 'BLOBS_UNAVAILABLE'],
    ['cannot be reached', { get: () => Promise.reject(new Error('gone')) } as unknown as BlobPort, 'BLOBS_UNAVAILABLE'],
    ['is too large', { get: async () => endless() } as unknown as BlobPort, 'BLOB_TOO_LARGE'],
  ])('a blob that %s fails the attempt with its code', async (_name, blobs, code) => {
    const reads = await block('async ({ blobs }) => (await blobs.get("blob://x")).length')
    await expect(reads.run(contextOf({ blobs }), {})).rejects.toMatchObject({ code })
  })

  test('are asked for one after the other, and a failure is no end', async () => {
    const blobs = new Blobs()
    const { blob } = await blobs.put(parts(Buffer.from('x')), { type: null })
    const reads = await block(`async ({ blobs, input }) => {
      const all = await Promise.allSettled([blobs.get('blob://none'), blobs.get(input.blob), blobs.get(input.blob)])
      return all.map(({ status, reason, value }) => reason?.code ?? value.length)
    }`)
    expect(await reads.run(contextOf({ blobs }), { blob })).toEqual(['BLOB_NOT_FOUND', 1, 1])
    expect(blobs.asked).toBe(3)
  })

  test('end with the attempt', async () => {
    const controller = new AbortController()
    const asked = Promise.withResolvers<void>()
    const blobs = {
      get: (_reference: string, signal: AbortSignal) =>
        new Promise<never>((_, reject) => {
          asked.resolve()
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
    } as unknown as BlobPort
    const reads = await block('async ({ blobs }) => (await blobs.get("blob://x")).length')
    const running = Promise.resolve(reads.run(contextOf({ blobs, signal: controller.signal }), {}))
    const outcome = expect(running).rejects.toThrow('enough')
    await asked.promise
    controller.abort(new Error('enough'))
    await outcome
  })
})

async function* endless(): AsyncGenerator<Uint8Array> {
  const part = new Uint8Array(1 << 20)
  for (;;) yield part
}
