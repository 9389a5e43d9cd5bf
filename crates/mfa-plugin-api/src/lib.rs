//! What an authentication factor is: plugin trait, prompts, submissions, steps and evidence
