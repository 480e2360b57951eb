/**
 * An example of every command, as it stands in its help and in docs/cli.md. They are run as they are by the tests, with `$RUN_ID`, `$BLOB`,
 * `$FAILED_RUN_ID`, `$RUNNING_RUN_ID`, `$LETTER_ID` and `$OPERATION_ID` set.
 */
import type { Command } from 'commander'

export const EXAMPLES: { readonly [command: string]: readonly string[] } = {
  start: ['beamline start --data ./data --port 8080'],
  'config show': ['beamline config show --set limits.undecided=1000'],
  verify: ['beamline verify --data ./data --settled'],
  demo: ['beamline demo'],
  bench: ['beamline bench --quick --only start'],
  simulate: ['beamline simulate --seeds 20'],
  backup: ['beamline backup ./backups/monday --data ./data'],
  restore: ['beamline restore ./backups/monday --data ./restored'],
  doctor: ['beamline doctor --data ./data', 'beamline doctor --data ./data --profile 30s --out slow.cpuprofile'],
  'flow publish': ['beamline flow publish hello.yaml'],
  'flow check': ['beamline flow check hello.yaml'],
  'flow list': ['beamline flow list'],
  'flow show': ['beamline flow show hello --flow-version 1'],
  'flow diff': ['beamline flow diff hello --from 1 --to 2'],
  'flow deprecate': [
    'beamline flow deprecate hello --flow-version 1 --reason "greets nobody"',
    'beamline flow deprecate hello --flow-version 1 --undo',
  ],
  'flow test': ['beamline flow test hello.test.yaml'],
  'blob put': ['beamline blob put hello.yaml --type application/yaml'],
  'blob get': ['beamline blob get $BLOB --out hello-again.yaml'],
  'blocks list': ['beamline blocks list'],
  'blocks show': ['beamline blocks show echo'],
  'run submit': [`beamline run submit hello --input '{"name": "Ada"}' --wait 30s`],
  'run show': ['beamline run show $RUN_ID'],
  'run list': ['beamline run list --flow hello --status completed --since 2h', 'beamline run list --count'],
  'run watch': ['beamline run watch $RUN_ID'],
  'run events': ['beamline run events $RUN_ID'],
  'run cancel': ['beamline run cancel $RUNNING_RUN_ID --reason "ordered twice"'],
  'run retry': ['beamline run retry $FAILED_RUN_ID --reason "the other side is back"'],
  'run rerun': [`beamline run rerun $RUN_ID --patch '{"name": "Grace"}'`],
  'dlq list': ['beamline dlq list --status open'],
  'dlq groups': ['beamline dlq groups'],
  'dlq show': ['beamline dlq show $LETTER_ID'],
  'dlq plan': ['beamline dlq plan --flow fragile'],
  'dlq replay': ['beamline dlq replay $LETTER_ID', 'beamline dlq replay --flow fragile --rate 10'],
  'dlq discard': ['beamline dlq discard --error OUT_OF_STOCK --reason "sold elsewhere"'],
  'topic produce': ['beamline topic produce ingest --file orders.jsonl'],
  'topic list': ['beamline topic list'],
  'topic tail': ['beamline topic tail events --from first --no-follow'],
  'topics plan': ['beamline topics plan --brokers localhost:9092'],
  'topics apply': ['beamline topics apply --brokers localhost:9092'],
  'tenant list': ['beamline tenant list'],
  'tenant set': ['beamline tenant set acme --max-concurrency 20 --rate 100'],
  'worker list': ['beamline worker list --pool io'],
  'op start': [
    'beamline op start cancel --flow hello --status running --dry-run',
    'beamline op start replay --error OUT_OF_STOCK --rate 50 --wait',
  ],
  'op list': ['beamline op list'],
  'op show': ['beamline op show $OPERATION_ID'],
  'op items': ['beamline op items $OPERATION_ID --outcome failed'],
  'op stop': ['beamline op stop $OPERATION_ID'],
  completion: ['source <(beamline completion bash)'],
}

/** `run submit` */
export function pathOf(command: Command): string {
  return command.parent === null ? '' : `${pathOf(command.parent)} ${command.name()}`.trim()
}

/** Every command that does something, in the order of the help. */
export function leavesOf(command: Command): readonly Command[] {
  const below = command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help')
  return below.length === 0 ? [command] : below.flatMap(leavesOf)
}

export function addExamples(program: Command): void {
  for (const command of leavesOf(program)) {
    const examples = EXAMPLES[pathOf(command)] ?? []
    if (examples.length === 0) continue
    const title = examples.length === 1 ? 'Example:' : 'Examples:'
    command.addHelpText('after', `\n${title}\n${examples.map((line) => `  $ ${line}`).join('\n')}`)
  }
}
