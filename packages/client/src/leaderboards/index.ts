/** Leaderboards on sorted sets. */
export type { Entry, Row, Update } from './board.ts'
export { createLeaderboard, type Leaderboard, type LeaderboardOptions, submitToAll } from './leaderboard.ts'
export type { Period } from './periods.ts'
