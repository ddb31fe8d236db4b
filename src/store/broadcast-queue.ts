import { isTurnSpent, postpone } from "../channel/turn.ts";

/** One broadcast on its way: serves one member after the other. `serve` must not throw. */
type Job<Member> = { readonly members: readonly Member[]; next: number; readonly serve: (member: Member) => void };

/** Above so many waiting broadcasts the budget is disregarded: whoever broadcasts faster than that has to wait. */
const maxWaitingJobs = 10_000;

/**
 * Serves broadcasts in the order in which they were made, each to its members in turn.
 *
 * Within the budget of a turn that happens at once; the rest follows in later turns, so that a large group does not keep
 * the event loop from everything else.
 */
export class BroadcastQueue<Member> {
  readonly #jobs: Job<Member>[] = [];
  #isScheduled = false;
  #isWorking = false;

  /** Begins at once unless others wait, so that small groups are served before this returns. */
  run(members: readonly Member[], serve: (member: Member) => void): void {
    this.#jobs.push({ members, next: 0, serve });
    // A member's close handler may broadcast in its turn: that one waits for the one it came from.
    if (this.#isWorking) return;
    if (!this.#isScheduled || this.#jobs.length > maxWaitingJobs) this.#work();
  }

  #work(): void {
    this.#isWorking = true;
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      if (!this.#serve(job)) break;
      this.#jobs.shift();
    }
    this.#isWorking = false;
  }

  /** @returns false when the turn was spent before the last member */
  #serve(job: Job<Member>): boolean {
    while (job.next < job.members.length) {
      // At each member: what a function of the application takes for one of them is not known.
      if (isTurnSpent() && this.#jobs.length <= maxWaitingJobs) {
        this.#continueLater();
        return false;
      }
      const member = job.members[job.next];
      job.next += 1;
      if (member !== undefined) job.serve(member);
    }
    return true;
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
