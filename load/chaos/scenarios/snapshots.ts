/** Snapshots are removed, cut, flipped and exchanged while their process is down. They may only make the next start slower. */
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pick, type Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const MOVED_WITHIN_MS = 30_000

export const snapshots: Scenario = {
  name: 'snapshots',
  about: 'snapshot files removed, cut, flipped, exchanged',
  seconds: 20,
  expects: ['snapshot damaged'],
  async run(stage, untilMs) {
    const { fleet, watch, problems } = stage
    let round = 0
    do {
      const victim = fleet.of('tasks')[round++ % 2]!
      await fleet.stop(victim)
      damage(stage, join(victim.folder, 'snapshots'))
      fleet.restart(victim)
      await fleet.ready(victim)
      if (!(await watch.movedSince(performance.now(), MOVED_WITHIN_MS))) {
        problems.push(
          `a partition stood still for ${MOVED_WITHIN_MS} ms after snapshots of ${victim.name} were damaged`,
        )
      }
      await pause(500)
    } while (performance.now() < untilMs)
  },
}

function damage(stage: Stage, folder: string): void {
  if (!existsSync(folder)) return
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.snapshot'))
    .map((name) => join(folder, name))
  for (const file of files) {
    const bytes = readFileSync(file)
    const at = stage.random.between(0, Math.max(0, bytes.length - 1))
    const kind = pick(stage, ['removed', 'cut', 'flipped', 'exchanged'] as const)
    if (kind === 'removed') rmSync(file)
    else if (kind === 'cut') truncateSync(file, at)
    else if (kind === 'exchanged')
      copyFileSync(
        pick(
          stage,
          files.filter((each) => existsSync(each)),
        ),
        file,
      )
    else {
      bytes[at] = bytes[at]! ^ (1 << stage.random.between(0, 7))
      writeFileSync(file, bytes)
    }
    stage.struck.count('snapshot damaged')
    stage.struck.count(`snapshot ${kind}`)
  }
}
