/** What a process runs: the command line. For code of this repository, the way to start a node without one. */
export { type BeamlineNode, startBeamline } from './wiring/beamline.ts'
export type { BeamlineConfig } from './wiring/config.ts'

if (import.meta.main) {
  const { runCommand } = await import('./wiring/command.ts')
  process.exitCode = await runCommand(process.argv.slice(2))
}
