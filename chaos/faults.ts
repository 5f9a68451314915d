/** All that is done to the groups. The order matters to a seed. */
import { damages } from './file-faults.ts'
import { larderFaults, storm, switches, zones } from './larder-faults.ts'
import { busy, hangs, kills } from './node-faults.ts'
import type { Fault } from './scene.ts'

export const faults: readonly Fault[] = [...kills, ...hangs, busy, ...larderFaults, ...switches, ...zones, ...damages, storm]
