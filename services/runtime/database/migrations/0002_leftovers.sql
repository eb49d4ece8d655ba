CREATE TABLE "runtime"."run_leftovers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"run_id" uuid NOT NULL,
	"found_by_run_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"repo_id" uuid NOT NULL,
	"working_branch" text NOT NULL,
	"root_directory" text,
	"commit" text NOT NULL,
	"from_commit" text NOT NULL,
	"files" integer NOT NULL,
	"bytes" bigint NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "run_leftovers_found_by" UNIQUE("found_by_run_id")
);
--> statement-breakpoint
ALTER TABLE "runtime"."agent_runs" ADD COLUMN "leftovers" text;--> statement-breakpoint
CREATE INDEX "run_leftovers_by_branch" ON "runtime"."run_leftovers" USING btree ("user_id","repo_id","working_branch","created_at");--> statement-breakpoint
CREATE INDEX "run_leftovers_by_run" ON "runtime"."run_leftovers" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "agent_runs_by_sandbox" ON "runtime"."agent_runs" USING btree ("sandbox_record_id","created_at");