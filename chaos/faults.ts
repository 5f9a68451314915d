/** All that is done to the groups. The order matters to a seed. */
import { disks } from './disk-faults.ts'
import { damages } from './file-faults.ts'
import { larderFaults, storm, switches, zones } from './larder-faults.ts'
import { machineFaults } from './machine-faults.ts'
import { busy, hangs, kills } from './node-faults.ts'
import { rules } from './rule-faults.ts'
import type { Fault } from './scene.ts'
import { states } from './state-faults.ts'

export const faults: readonly Fault[] = [
  ...kills,
  ...hangs,
  busy,
  ...larderFaults,
  ...switches,
  ...zones,
  ...damages,
  storm,
  ...states,
  ...machineFaults,
  ...disks,
  rules,
]

/** Those that ask nothing of the machine, and leave it to others: what comes when is the same wherever it runs. */
export const ordinaryFaults: readonly Fault[] = faults.filter((fault) => fault.needs === undefined && fault.isHeavy !== true)
