mod company;
mod joining;
mod leaving;
mod program;
mod proving;
mod settings;
mod signing_in;
