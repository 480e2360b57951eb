import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const RUN = resolve(import.meta.dirname, '../../../load/k6/run.ts')

function run(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<{ code: unknown; stderr: string }> {
  return new Promise((settle) => {
    execFile(process.execPath, [RUN, ...args], { env }, (error, _stdout, stderr) =>
      settle({ code: error?.code ?? 0, stderr }),
    )
  })
}

describe('npm run load', () => {
  it.each([
    [['storm'], /there is no load test 'storm'; expected one of dead-letter-storm, .*smoke/],
    [[], /there is no load test ''/],
    [['smoke', 'rate=5'], /'rate=5' is no setting; expected NAME=VALUE such as RATE=100/],
    [['smoke', '--nice', '20'], /--nice 20: expected a number from 0 to 19/],
    [['smoke', '--nice', '5', '--url', 'http://127.0.0.1:3'], /--nice is for processes that are started here/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await run(args)
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
  })

  it('says what it needs where there is no Go', async () => {
    const nowhere = resolve(import.meta.dirname, 'no-such-folder')
    const { code, stderr } = await run(['smoke'], { PATH: nowhere, XDG_CACHE_HOME: nowhere })
    expect(stderr).toMatch(/'go' was not found; the load tests need Go 1\.26 or newer/)
    expect(code).toBe(2)
  })
})
