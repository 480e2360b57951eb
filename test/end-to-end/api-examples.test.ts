/** The examples of docs/api.md, sent to a real process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { API } from '../../gateway/api/index.ts'
import { type Operation, STREAM_TYPE } from '../../gateway/api/operation.ts'
import { exampleOf } from '../../gateway/openapi/examples.ts'
import { BeamlineProcess } from '../../load/process/beamline-process.ts'
import { freePort } from '../../load/process/free-ports.ts'

const folder = mkdtempSync(join(tmpdir(), 'beamline-examples-'))
let beamline: BeamlineProcess
beforeAll(async () => {
  beamline = await BeamlineProcess.start({ dataFolder: folder, port: await freePort() })
})
afterAll(async () => {
  await beamline.kill()
  rmSync(folder, { recursive: true, force: true })
})

const built = Object.entries<Operation>(API).filter(([, { answers }]) => Object.keys(answers).length > 0)

it.each(built)('%s is taken, or names what is not there', async (name, operation) => {
  const { path, headers, body } = exampleOf(name, operation)
  const request = { method: operation.method, headers, ...(body === null ? {} : { body }) }
  const answer = await fetch(`${beamline.url}${path}`, request)
  const follows = answer.headers.get('content-type')?.startsWith(STREAM_TYPE) === true
  const text = follows ? '' : await answer.text()
  if (follows) await answer.body?.cancel()
  expect(answer.ok || answer.status === 404, `${answer.status} ${text}`).toBe(true)
  if (!answer.ok) expect(text).not.toContain('there is no route')
})
