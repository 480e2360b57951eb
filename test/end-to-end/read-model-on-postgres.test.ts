import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startBeamline } from '../../main.ts'
import { describeWithPostgres } from '../support/postgres.ts'

const FLOW = `
flow: hello
steps:
  - id: a
    type: echo
    with: { x: 1 }
`

await describeWithPostgres('a whole process with its read model on Postgres', (postgres) => {
  it('runs flows, waits for them and lists them', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'beamline-postgres-'))
    const url = await postgres.database()
    const beamline = await startBeamline({ dataFolder, port: 0, readModel: { kind: 'postgres', url } })
    try {
      const call = async (path: string, body?: string, type = 'application/json') => {
        const given = body === undefined ? {} : { method: 'POST', body, headers: { 'content-type': type } }
        const response = await fetch(`${beamline.url}${path}`, given)
        return { status: response.status, body: JSON.parse(await response.text()) }
      }
      expect((await call('/api/v1/flows', FLOW, 'application/yaml')).status).toBeLessThan(300)
      const run = await call('/api/v1/runs?wait=20s', '{"flow":"hello"}')
      expect(run).toMatchObject({ status: 200, body: { status: 'completed', steps: [{ step_id: 'a' }] } })
      const page = await call('/api/v1/runs?flow=hello')
      expect(page.body).toMatchObject({ runs: [{ run_id: run.body.run_id }], next: null })
      expect(page.body.as_of.positions).toHaveLength(4)
      expect((await call('/api/v1/runs?after=x')).body.error).toMatchObject({ details: { path: 'after' } })
    } finally {
      await beamline.close()
      rmSync(dataFolder, { recursive: true, force: true })
    }
  })
})
