/** A batch of pictures becomes thumbnails on the GPU. One that arrived broken fails alone, and is run again when it has been mended. */
import { fileURLToPath } from 'node:url'
import type { Example } from '../example.ts'
import type { RunOf, Stage } from '../stage.ts'
import type { StandIn } from '../stand-in.ts'
import type { Scene } from './draw.ts'

export interface Thumbnail {
  readonly name: string
  readonly bytes: number
  readonly outlines: { readonly blob: string; readonly hash: string; readonly type: string; readonly size: number }
}

export interface ImageBatchResult {
  readonly runs: readonly RunOf<Thumbnail>[]
  /** Of the picture that was broken. */
  readonly rerun: RunOf<Thumbnail>
  /** Files of the picture service, by name. */
  readonly pictures: ReadonlyMap<string, Buffer>
  readonly thumbnails: ReadonlyMap<string, Buffer>
  /** Pixels of the outlines, by name: what the service was sent, and what the blobs hold. */
  readonly outlines: ReadonlyMap<string, Buffer>
  readonly blobs: ReadonlyMap<string, Uint8Array>
  /** Steps that were run on the device, and how often it was called for them. */
  readonly device: { readonly name: string; readonly steps: number; readonly dispatches: number }
}

const BROKEN = 'dunes-2'

export const imageBatch: Example<ImageBatchResult> = {
  name: 'image-batch',
  about: 'a batch of pictures resized and filtered on the GPU, by way of blobs and two blocks of our own',
  play: async (stage) => {
    const service = await stage.standIn('the picture service', 'image-batch/picture-service.ts', [
      fileURLToPath(stage.file('pictures.json')),
      BROKEN,
    ])
    await stage.start({ BEAMLINE_BLOCKS_FOLDER: fileURLToPath(new URL('blocks', import.meta.url)) })
    await stage.publish('thumbnail.yaml', { pictures: service.url })

    const names = stage.data<readonly Scene[]>('pictures.json').map(({ name }) => name)
    const runs = await stage.runAll<Thumbnail>(names.map((name) => ({ flow: 'thumbnail', input: { name } })))
    const failed = runs.filter(({ status }) => status === 'failed')
    stage.say(`${runs.length} pictures submitted: ${runs.length - failed.length} completed, ${failed.length} failed`)
    const rerun = await mend(stage, service, failed[0]!)

    const device = await deviceOf(stage)
    stage.say(`${device.steps} kernel steps took ${device.dispatches} calls of the device ${device.name}`)
    stage.say(`pictures and thumbnails are at ${service.url}/ while it runs (--keep)`)
    return {
      runs,
      rerun,
      pictures: await filesOf(names, async (name) => service.ask(`/pictures/${name}.png`)),
      thumbnails: await filesOf(names, async (name) => service.ask(`/thumbnails/${name}.png`)),
      outlines: await filesOf(names, async (name) => service.ask(`/outlines/${name}.rgb`)),
      blobs: await blobsOf(stage, [...runs.filter(({ status }) => status === 'completed'), rerun]),
      device,
    }
  },
}

/** A replay would go on with the half file that the first step has got; a rerun begins anew. */
async function mend(stage: Stage, service: StandIn, failed: RunOf<Thumbnail>): Promise<RunOf<Thumbnail>> {
  stage.say(`  ${BROKEN}: step ${failed.failed_step}: ${failed.error?.code}: ${failed.error?.message}`)
  await service.ask('/mend', { method: 'POST' })
  const { run_id } = await stage.client.rerunRun({ params: { run_id: failed.run_id } })
  const rerun = await stage.ended<Thumbnail>(run_id)
  stage.say(`  uploaded again, run again: ${rerun.status}`)
  return rerun
}

async function filesOf(
  names: readonly string[],
  get: (name: string) => Promise<Response>,
): Promise<ReadonlyMap<string, Buffer>> {
  const files = names.map(
    async (name): Promise<[string, Buffer]> => [name, Buffer.from(await (await get(name)).arrayBuffer())],
  )
  return new Map(await Promise.all(files))
}

async function blobsOf(stage: Stage, runs: readonly RunOf<Thumbnail>[]): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = runs.map(
    async ({ output }): Promise<[string, Uint8Array]> => [
      output.name,
      await stage.client.getBlob({ params: { hash: output.outlines.hash } }),
    ],
  )
  return new Map(await Promise.all(files))
}

async function deviceOf(stage: Stage): Promise<ImageBatchResult['device']> {
  const text = await (await fetch(`${stage.url}/metrics`)).text()
  const sumOf = (name: string): number =>
    [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.]+)$`, 'gm'))].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    )
  const name = /^beamline_gpu_device\{.*backend="([^"]*)".*\} 1$/m.exec(text)?.[1] ?? 'unknown'
  return { name, steps: sumOf('beamline_gpu_steps_total'), dispatches: sumOf('beamline_gpu_dispatch_seconds_count') }
}
