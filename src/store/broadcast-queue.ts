import { isTurnSpent, postpone } from "../channel/turn.ts";

/**
 * What serves the members of one broadcast. It must not throw.
 *
 * @returns whether that took a short time: nothing was written to a socket, and no function of the application was called
 */
type Serve<Member> = (member: Member) => boolean;

/** One broadcast on its way. */
type Job<Member> = {
  readonly members: readonly (Member | undefined)[];
  /** How many of them it is for: those behind came later. */
  readonly count: number;
  readonly serve: Serve<Member>;
  next: number;
};

/** How many members are served in a short time between two looks at the clock: a look costs a fifth of serving one. */
const membersPerLook = 16;

/** Above so many waiting broadcasts the budget is disregarded: whoever broadcasts faster than that has to wait. */
const maxWaitingJobs = 10_000;

/** Most broadcasts that are served together. More of them would be more than one write to each member in any case. */
const longestRun = 64;

/**
 * Serves broadcasts in the order in which they were made, each to its members in turn.
 *
 * Those that wait for the same members are served together, member by member: then they leave in one write, as in a small
 * group, and not in one each because their turns were not the same.
 *
 * Within the budget of a turn that happens at once; the rest follows in later turns, so that a large group does not keep
 * the event loop from everything else.
 */
export class BroadcastQueue<Member> {
  readonly #jobs: Job<Member>[] = [];
  #isScheduled = false;
  #isWorking = false;
  #servedSinceLook = 0;

  /** Begins at once unless others wait, so that small groups are served before this returns. */
  run(members: readonly (Member | undefined)[], serve: Serve<Member>): void {
    this.#jobs.push({ members, count: members.length, serve, next: 0 });
    // A member's close handler may broadcast in its turn: that one waits for the one it came from.
    if (this.#isWorking) return;
    if (!this.#isScheduled || this.#jobs.length > maxWaitingJobs) this.#work();
  }

  /** Does something at once; broadcasts that are made in it wait until it is done. */
  hold<Result>(work: () => Result): Result {
    if (this.#isWorking) return work();
    this.#isWorking = true;
    try {
      return work();
    } finally {
      this.#isWorking = false;
      if (!this.#isScheduled) this.#work();
    }
  }

  #work(): void {
    this.#isWorking = true;
    for (let run = this.#firstRun(); run.length > 0; run = this.#firstRun()) {
      if (!this.#serve(run)) break;
      this.#jobs.splice(0, run.length);
    }
    this.#isWorking = false;
  }

  /** The jobs in front that are for the same members. */
  #firstRun(): readonly Job<Member>[] {
    const jobs = this.#jobs.slice(0, longestRun);
    const end = jobs.findIndex(({ members }) => members !== jobs[0]?.members);
    return end === -1 ? jobs : jobs.slice(0, end);
  }

  /** @returns false when the turn was spent before the last member */
  #serve(run: readonly Job<Member>[]): boolean {
    const { members = [], count = 0, next: start = 0 } = run.at(-1) ?? {};
    for (let index = start; index < count; index++) {
      const member = members[index];
      for (const job of run) {
        // Those in front may be further, and for fewer.
        if (job.next > index || job.count <= index) continue;
        if (this.#isSpent()) {
          this.#continueLater();
          return false;
        }
        job.next += 1;
        if (member !== undefined) this.#servedSinceLook += job.serve(member) ? 1 : membersPerLook;
      }
    }
    return true;
  }

  #isSpent(): boolean {
    if (this.#servedSinceLook < membersPerLook) return false;
    this.#servedSinceLook = 0;
    return isTurnSpent() && this.#jobs.length <= maxWaitingJobs;
  }

  #continueLater(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    postpone(() => {
      this.#isScheduled = false;
      this.#work();
    });
  }
}
