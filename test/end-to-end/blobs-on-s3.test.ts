/** The engine with its large payloads in a bucket of a real server. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createClient } from '../../gateway/client/client.ts'
import { type BeamlineNode, startBeamline } from '../../main.ts'
import { S3_KEY, S3_SECRET, type S3Server, startS3 } from '../support/s3.ts'

let folder: string
let s3: S3Server
let beamline: BeamlineNode

const start = () =>
  startBeamline({
    dataFolder: join(folder, 'data'),
    port: 0,
    blobs: {
      place: {
        kind: 's3',
        options: {
          endpoint: s3.endpoint,
          bucket: 'blobs',
          accessKey: S3_KEY,
          secretKey: S3_SECRET,
          spoolFolder: join(folder, 'spool'),
        },
      },
    },
  })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 's3-engine-'))
  s3 = await startS3(join(folder, 's3'), 'blobs')
  beamline = await start()
})

afterAll(async () => {
  await beamline.close()
  await s3.close()
  await rm(folder, { recursive: true, force: true })
})

it('keeps payloads and blobs in the bucket, over a restart', async () => {
  const client = createClient({ url: beamline.url! })
  await client.publishFlow({ body: 'flow: pass\nsteps:\n  - { id: copy, type: echo, with: "${input}" }\n' })
  const input = { text: 'y'.repeat(200_000) }
  const run = await client.submitRun({ body: { flow: 'pass', input }, query: { wait: '60s' } })
  expect(run.status).toBe('completed')
  const { hash } = await client.putBlob({ body: Buffer.from('in the bucket'), contentType: 'text/plain' })
  await beamline.close()
  beamline = await start()
  const again = createClient({ url: beamline.url! })
  const shown = await again.getRun({ params: { run_id: run.run_id } })
  expect(shown.input).toEqual(input)
  expect(shown.output).toEqual(input)
  const answer = await fetch(`${beamline.url}/api/v1/blobs/${hash}`, { headers: { range: 'bytes=3-5' } })
  expect([answer.status, await answer.text(), answer.headers.get('content-type')]).toEqual([206, 'the', 'text/plain'])
})
